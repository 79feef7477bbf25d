/** What `authSql` takes, and how it is checked. */
import type { ScramHash, StandardSchema } from '@postroad/core';
import { type PostgresOptions, postgresConfig } from '@postroad/postgres';
import { z } from 'zod';
import { compileQuery, type Queries } from './queries.js';

/** The checked options. */
export interface AuthSqlConfig {
  readonly sqlite?: { readonly file: string } | undefined;
  readonly postgres?: Omit<PostgresOptions, 'name'> | undefined;
  readonly queries: { readonly [K in keyof Queries]?: string | undefined };
  readonly waitingMax: number;
  readonly scram?:
    | { readonly hashes: readonly ScramHash[]; readonly iterations: number; readonly secret: string }
    | undefined;
}

/** What `authSql` takes: one of the two databases. */
export interface AuthSqlOptions {
  readonly sqlite?: { readonly file: string } | undefined;
  readonly postgres?:
    | ({ readonly url: string | readonly string[] } & {
        readonly [K in keyof Omit<PostgresOptions, 'name' | 'url'>]?: PostgresOptions[K] | undefined;
      })
    | undefined;
  readonly queries?: { readonly [K in keyof Queries]?: string | undefined } | undefined;
  readonly waitingMax?: number | undefined;
  readonly scram?:
    | {
        readonly hashes?: readonly ScramHash[] | undefined;
        readonly iterations?: number | undefined;
        readonly secret: string;
      }
    | undefined;
}

/** The names that each query may use. */
export const queryNames: { readonly [K in keyof Queries]: readonly string[] } = {
  login: ['login'],
  address: ['address', 'localPart', 'domain'],
  id: ['id'],
  list: ['after'],
  setPassword: ['id', 'old', 'password'],
  addAppPassword: ['id', 'name', 'sha256', 'protocols'],
  removeAppPassword: ['id', 'name'],
};

function query(name: keyof Queries) {
  return z
    .string()
    .superRefine((text, context) => {
      try {
        compileQuery(text, 'postgres', queryNames[name]);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
      }
    })
    .optional();
}

const schema = z
  .strictObject({
    sqlite: z.strictObject({ file: z.string().min(1) }).optional(),
    postgres: z.strictObject(postgresConfig).optional(),
    queries: z
      .strictObject({
        login: query('login'),
        address: query('address'),
        id: query('id'),
        list: query('list'),
        setPassword: query('setPassword'),
        addAppPassword: query('addAppPassword'),
        removeAppPassword: query('removeAppPassword'),
      })
      .prefault({}),
    waitingMax: z.number().int().min(1).max(1_000_000).default(1_000),
    scram: z
      .strictObject({
        hashes: z
          .array(z.enum(['SHA-256', 'SHA-1']))
          .min(1)
          .max(2)
          .default(['SHA-256']),
        iterations: z.number().int().min(4_096).max(1_000_000).default(10_000),
        secret: z.string().min(32, 'at least 32 characters that nobody guesses'),
      })
      .optional(),
  })
  .superRefine((config, context) => {
    if ((config.sqlite === undefined) !== (config.postgres === undefined)) return;
    context.addIssue({ code: 'custom', path: ['sqlite'], message: 'give either `sqlite` or `postgres`' });
  });

/** The schema of the options. */
export const config = schema as unknown as StandardSchema<AuthSqlOptions, AuthSqlConfig>;
