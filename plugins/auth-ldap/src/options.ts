/** What `authLdap` takes, and how it is checked. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** Which attribute says what. */
export interface LdapAttributes {
  readonly login: string;
  readonly id: string;
  /** In this order; the first value is the main address. */
  readonly addresses: readonly string[];
  readonly disabled?: string | undefined;
  /** The bit that disables, for attributes that are a number of flags, such as 2 of `userAccountControl`. */
  readonly disabledBit?: number | undefined;
  readonly quotaBytes?: string | undefined;
  readonly protocols?: string | undefined;
  /** Each value is an application password in JSON. */
  readonly applicationPasswords?: string | undefined;
}

/** How entries are found; `{login}`, `{address}`, `{id}` are put in, escaped. */
export interface LdapFilters {
  readonly login: string;
  readonly address: string;
  readonly id: string;
  readonly list: string;
}

/** The checked options. */
export interface AuthLdapConfig {
  readonly urls: readonly string[];
  readonly startTls: boolean;
  readonly tlsCa?: string | undefined;
  readonly bindDn?: string | undefined;
  readonly bindPassword?: string | undefined;
  readonly base: string;
  readonly filters: LdapFilters;
  readonly attributes: LdapAttributes;
  readonly connectionsMax: number;
  readonly waitingMax: number;
  readonly timeoutMs: number;
  readonly accountsMax: number;
}

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** What `authLdap` takes. */
export interface AuthLdapOptions
  extends Loose<Omit<AuthLdapConfig, 'urls' | 'base' | 'filters' | 'attributes'>> {
  readonly urls: readonly string[];
  readonly base: string;
  readonly filters?: Loose<LdapFilters> | undefined;
  readonly attributes?: Loose<LdapAttributes> | undefined;
}

const attribute = z.string().regex(/^[A-Za-z][A-Za-z0-9;.-]{0,63}$/, 'not the name of an attribute');

function filter(name: string, byDefault: string) {
  return z
    .string()
    .refine((text) => text.startsWith('(') && text.endsWith(')'), 'a filter stands in parentheses')
    .refine((text) => name === '' || text.includes(`{${name}}`), `a filter has {${name}} in it`)
    .default(byDefault);
}

const schema = z
  .strictObject({
    urls: z
      .array(
        z
          .string()
          .regex(
            /^ldaps?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[^/?#@:]+)(?::\d{1,5})?\/?$/,
            'not ldap://host or ldaps://host',
          ),
      )
      .min(1)
      .max(20),
    startTls: z.boolean().default(true),
    tlsCa: z.string().optional(),
    bindDn: z.string().min(1).optional(),
    bindPassword: z.string().min(1).optional(),
    base: z.string().min(1),
    filters: z
      .strictObject({
        login: filter('login', '(&(objectClass=inetOrgPerson)(uid={login}))'),
        address: filter('address', '(&(objectClass=inetOrgPerson)(mail={address}))'),
        id: filter('id', '(&(objectClass=inetOrgPerson)(uid={id}))'),
        list: filter('', '(objectClass=inetOrgPerson)'),
      })
      .prefault({}),
    attributes: z
      .strictObject({
        login: attribute.default('uid'),
        id: attribute.default('uid'),
        addresses: z.array(attribute).min(1).max(10).default(['mail']),
        disabled: attribute.optional(),
        disabledBit: z
          .number()
          .int()
          .min(1)
          .max(2 ** 30)
          .optional(),
        quotaBytes: attribute.optional(),
        protocols: attribute.optional(),
        applicationPasswords: attribute.optional(),
      })
      .prefault({}),
    connectionsMax: z.number().int().min(1).max(1_000).default(8),
    waitingMax: z.number().int().min(1).max(100_000).default(1_000),
    timeoutMs: z.number().int().min(100).max(30_000).default(5_000),
    accountsMax: z.number().int().min(1).max(10_000_000).default(100_000),
  })
  .superRefine(({ urls, startTls, bindDn, bindPassword }, context) => {
    if ((bindDn === undefined) !== (bindPassword === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['bindDn'],
        message: 'give `bindDn` and `bindPassword`, or neither',
      });
    }
    for (const [index, url] of urls.entries()) {
      if (startTls || url.startsWith('ldaps:') || isLoopback(url)) continue;
      const message = 'without `startTls` passwords would cross the network in clear text';
      context.addIssue({ code: 'custom', path: ['urls', index], message });
    }
  });

/** The schema of the options. */
export const config = schema as unknown as StandardSchema<AuthLdapOptions, AuthLdapConfig>;

function isLoopback(url: string): boolean {
  return /^ldap:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\/?$/.test(url);
}
