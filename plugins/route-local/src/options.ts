/** What `routeLocal` takes, and how it is checked. */
import { BlockList, isIP } from 'node:net';
import { parseAddress, parseDomain, type StandardSchema, type TlsPolicy } from '@postroad/core';
import { z } from 'zod';

/** A next hop. */
export interface HopOptions {
  readonly host: string;
  /** Default 25, or 24 for LMTP. */
  readonly port?: number | undefined;
  /** How much TLS; the deliverer's default when absent. `implicit` speaks it from the first octet. */
  readonly tls?: TlsPolicy | 'implicit' | undefined;
  readonly login?: string | undefined;
  readonly password?: string | undefined;
}

/** Where the mail of one domain goes. */
export interface TransportOptions extends HopOptions {
  readonly protocol?: 'smtp' | 'lmtp' | undefined;
}

/** What `routeLocal` takes. */
export interface RouteLocalOptions {
  /** The domains whose users are in the directory. */
  readonly domains: readonly string[];
  /** Domains that others keep: mail for them is taken from anybody and passed on, users unchecked (a backup MX). */
  readonly relayDomains?: readonly string[] | undefined;
  /** From `name@domain`, or `name` for every local domain, to one or many addresses. */
  readonly aliases?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** The address that gets what nobody else gets: for all local domains, or by domain. */
  readonly catchAll?: string | Readonly<Record<string, string>> | undefined;
  /** What separates a user from a detail (RFC 5233); `false` for none. Default `+`. */
  readonly subaddressSeparator?: string | false | undefined;
  /** By domain, or `*.domain` for the domains below it. A local domain's users are checked here, and delivered there. */
  readonly transports?: Readonly<Record<string, TransportOptions>> | undefined;
  /** Where all mail goes that is neither local nor has a transport. */
  readonly smarthost?: HopOptions | undefined;
  /** Who gets postmaster's mail; the first account by default. */
  readonly postmaster?: string | undefined;
  /** Networks such as `192.0.2.0/24` whose clients may send anywhere without a login. None by default. */
  readonly relayNetworks?: readonly string[] | undefined;
}

/** The checked options. */
export interface RouteLocalConfig extends RouteLocalOptions {
  readonly relayDomains: readonly string[];
  readonly aliases: Readonly<Record<string, string | readonly string[]>>;
  readonly subaddressSeparator: string | false;
  readonly transports: Readonly<Record<string, TransportOptions>>;
  readonly relayNetworks: readonly string[];
}

const domain = z.string().refine((text) => parseDomain(text) !== undefined, 'not a domain');
const address = z.string().refine((text) => parseAddress(text) !== undefined, 'not a mail address');
const aliasName = z.string().refine((text) => {
  return parseAddress(text.includes('@') ? text : `${text}@example.org`) !== undefined;
}, 'neither a mail address nor the part before its @');
const domainPattern = z
  .string()
  .refine((text) => parseDomain(text.replace(/^\*\./, '')) !== undefined, 'neither a domain nor *.domain');
const network = z
  .string()
  .refine((text) => parseNetwork(text) !== undefined, 'not a network such as 192.0.2.0/24');
const hop = {
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535).optional(),
  tls: z.enum(['none', 'opportunistic', 'required', 'verified', 'implicit']).optional(),
  login: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
};

/** The schema of the options. */
export const routeLocalSchema: StandardSchema<RouteLocalOptions, RouteLocalConfig> = z
  .strictObject({
    domains: z.array(domain).min(1),
    relayDomains: z.array(domain).default([]),
    aliases: z.record(aliasName, z.union([address, z.array(address).min(1)])).default({}),
    catchAll: z.union([address, z.record(domain, address)]).optional(),
    subaddressSeparator: z.union([z.string().length(1), z.literal(false)]).default('+'),
    transports: z
      .record(domainPattern, z.strictObject({ protocol: z.enum(['smtp', 'lmtp']).optional(), ...hop }))
      .default({}),
    smarthost: z.strictObject(hop).optional(),
    postmaster: address.optional(),
    relayNetworks: z.array(network).default([]),
  })
  .superRefine((options, context) => {
    const local = new Set(options.domains.map((name) => name.toLowerCase()));
    const foreign = (path: string, key: string) =>
      context.addIssue({ code: 'custom', path: [path, key], message: 'its domain is not one of `domains`' });
    for (const key of Object.keys(options.aliases)) {
      const at = key.lastIndexOf('@');
      if (at >= 0 && !local.has(key.slice(at + 1).toLowerCase())) foreign('aliases', key);
    }
    for (const key of typeof options.catchAll === 'object' ? Object.keys(options.catchAll) : []) {
      if (!local.has(key.toLowerCase())) foreign('catchAll', key);
    }
    for (const [index, name] of options.relayDomains.entries()) {
      if (!local.has(name.toLowerCase())) continue;
      context.addIssue({
        code: 'custom',
        path: ['relayDomains', index],
        message: 'it is one of `domains` too',
      });
    }
  });

/** A test whether an address is in one of the networks; never true for what is not an address. */
export function networkTest(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network !== undefined) list.addSubnet(network.address, network.prefix, network.family);
  }
  return (address) => {
    // A socket that takes both families names an IPv4 client in this form (RFC 4291 section 2.5.5.2).
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function parseNetwork(text: string) {
  const [address = '', prefixText, more] = text.split('/');
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  const isPrefix = prefixText === undefined || (/^\d{1,3}$/.test(prefixText) && prefix <= bits);
  if (version === 0 || more !== undefined || !isPrefix || address.includes('%')) return undefined;
  return { address, prefix, family: version === 4 ? ('ipv4' as const) : ('ipv6' as const) };
}
