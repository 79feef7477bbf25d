/** The tables of accounts. */
import type { Migration } from '@postroad/postgres';

/** Whose migrations they are. */
export const owner = 'auth-postgres';

const first = `
CREATE TABLE postroad_auth_accounts (
  id text COLLATE "C" PRIMARY KEY,
  login text NOT NULL,
  login_key text NOT NULL UNIQUE,
  password text,
  scram text[] NOT NULL DEFAULT '{}',
  quota_bytes bigint,
  is_disabled boolean NOT NULL DEFAULT false,
  protocols text[]
);

CREATE TABLE postroad_auth_addresses (
  key text PRIMARY KEY,
  address text NOT NULL,
  account_id text COLLATE "C" NOT NULL REFERENCES postroad_auth_accounts ON DELETE CASCADE,
  place int NOT NULL
);
CREATE INDEX postroad_auth_addresses_of ON postroad_auth_addresses (account_id);

CREATE TABLE postroad_auth_app_passwords (
  account_id text COLLATE "C" NOT NULL REFERENCES postroad_auth_accounts ON DELETE CASCADE,
  name text NOT NULL,
  sha256 text NOT NULL,
  protocols text[],
  PRIMARY KEY (account_id, name)
);

CREATE TABLE postroad_auth_secrets (name text PRIMARY KEY, secret bytea NOT NULL);
`;

/** All steps so far. */
export const migrations: readonly Migration[] = [{ version: 1, name: 'account tables', sql: first }];
