/** The tables of mailboxes. */
import type { Migration } from '@postroad/postgres';

/** Whose migrations they are. */
export const owner = 'store-postgres';

const vacuumed = 'autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000';

const first = `
CREATE SEQUENCE postroad_store_ids INCREMENT BY 1000;

CREATE TABLE postroad_store_accounts (
  id text PRIMARY KEY,
  last_uid_validity bigint NOT NULL DEFAULT 0,
  limit_bytes bigint,
  used_bytes bigint NOT NULL DEFAULT 0,
  messages bigint NOT NULL DEFAULT 0,
  keywords text NOT NULL DEFAULT '[]'
) WITH (fillfactor = 70, ${vacuumed});

CREATE TABLE postroad_store_mailboxes (
  id bigint PRIMARY KEY,
  account_id text NOT NULL,
  name text NOT NULL,
  uid_validity bigint NOT NULL,
  uid_next bigint NOT NULL DEFAULT 1,
  mod_seq bigint NOT NULL DEFAULT 1,
  messages bigint NOT NULL DEFAULT 0,
  unseen bigint NOT NULL DEFAULT 0,
  size_bytes bigint NOT NULL DEFAULT 0,
  special_use text,
  is_subscribed boolean NOT NULL,
  vanished bigint NOT NULL DEFAULT 0,
  forgotten_mod_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70, ${vacuumed});
CREATE UNIQUE INDEX postroad_store_names ON postroad_store_mailboxes (account_id, name);

CREATE TABLE postroad_store_entries (
  mailbox_id bigint NOT NULL,
  uid bigint NOT NULL,
  mod_seq bigint NOT NULL,
  flags text[] NOT NULL,
  message_id bigint NOT NULL,
  thread_id bigint NOT NULL,
  size_bytes bigint NOT NULL,
  internal_ms bigint NOT NULL,
  saved_ms bigint NOT NULL,
  PRIMARY KEY (mailbox_id, uid)
) WITH (fillfactor = 90, ${vacuumed});
CREATE INDEX postroad_store_changed ON postroad_store_entries (mailbox_id, mod_seq);

CREATE TABLE postroad_store_vanished (
  mailbox_id bigint NOT NULL,
  mod_seq bigint NOT NULL,
  uid bigint NOT NULL,
  PRIMARY KEY (mailbox_id, mod_seq, uid)
) WITH (${vacuumed});

CREATE TABLE postroad_store_messages (
  id bigint PRIMARY KEY,
  prefix bytea NOT NULL,
  size_bytes bigint NOT NULL,
  header_bytes bigint NOT NULL,
  structure text NOT NULL,
  body text NOT NULL,
  holders bigint NOT NULL,
  grams int[]
) WITH (fillfactor = 90, ${vacuumed});

CREATE TABLE postroad_store_bodies (
  digest text PRIMARY KEY,
  holders bigint NOT NULL,
  size_bytes bigint NOT NULL,
  has_8bit boolean NOT NULL,
  header_bytes bigint NOT NULL,
  octets bytea,
  blob text
) WITH (fillfactor = 90, ${vacuumed});
ALTER TABLE postroad_store_bodies ALTER COLUMN octets SET STORAGE EXTERNAL;

CREATE TABLE postroad_store_parts (
  blob text NOT NULL,
  part int NOT NULL,
  octets bytea NOT NULL,
  PRIMARY KEY (blob, part)
);
ALTER TABLE postroad_store_parts ALTER COLUMN octets SET STORAGE EXTERNAL;

CREATE TABLE postroad_store_garbage (
  blob text PRIMARY KEY,
  since timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE postroad_store_threads (
  account_id text NOT NULL,
  key text NOT NULL,
  thread_id bigint NOT NULL,
  PRIMARY KEY (account_id, key)
);

CREATE TABLE postroad_store_annotations (
  mailbox_id bigint NOT NULL,
  account_id text NOT NULL,
  entry text NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (mailbox_id, account_id, entry)
);
`;

const grams = {
  name: 'postroad_store_grams',
  table: 'postroad_store_messages',
  definition: 'USING gin (grams) WHERE grams IS NOT NULL',
};

const shares = `CREATE TABLE postroad_store_shares (
  mailbox_id bigint NOT NULL,
  account_id text NOT NULL,
  rights text NOT NULL,
  PRIMARY KEY (mailbox_id, account_id)
);
CREATE INDEX postroad_store_shared_with ON postroad_store_shares (account_id)`;

const outside = `ALTER TABLE postroad_store_garbage ADD COLUMN is_doomed boolean NOT NULL DEFAULT false`;
const blobs = {
  name: 'postroad_store_blobs',
  table: 'postroad_store_bodies',
  definition: '(blob) WHERE blob IS NOT NULL',
};

const subscriptions = `CREATE TABLE postroad_store_subscriptions (
  account_id text NOT NULL,
  name text NOT NULL,
  lost_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (account_id, name)
)`;

const recent = `ALTER TABLE postroad_store_mailboxes ADD COLUMN first_recent bigint NOT NULL DEFAULT 1`;

/** All steps so far. */
export const migrations: readonly Migration[] = [
  { version: 1, name: 'mailbox tables', sql: first },
  { version: 2, name: 'index of texts', indexes: [grams] },
  { version: 3, name: 'shared mailboxes', sql: shares },
  { version: 4, name: 'bodies outside of the database', indexes: [blobs], sql: outside },
  { version: 5, name: 'subscriptions without a mailbox', sql: subscriptions },
  { version: 6, name: 'recent messages', sql: recent },
];
