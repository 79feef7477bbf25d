/**
 * The tables of the queue. Recipients stand in two partitions: `leased` is small and sees all that goes through the queue,
 * `parked` is what waits and sees only what does not go through at once. So vacuuming what is hot does not depend on how
 * much waits, and a message that is delivered at its first try never touches the large table or its indexes.
 */
import type { Migration } from '@postroad/postgres';

/** Whose migrations they are. */
export const owner = 'queue-postgres';

// Rows come and go all the time: vacuum by count, not by share of the table.
const vacuumed = `autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 1, autovacuum_analyze_scale_factor = 0.05`;

const first = `
CREATE TABLE postroad_queue_messages (
  id text PRIMARY KEY,
  facts text NOT NULL,
  sender text NOT NULL,
  recipients int NOT NULL,
  remaining int NOT NULL,
  body bytea
) WITH (fillfactor = 90, ${vacuumed});
ALTER TABLE postroad_queue_messages ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX postroad_queue_messages_over ON postroad_queue_messages (id) WHERE remaining <= 0;

CREATE TABLE postroad_queue_chunks (
  message_id text NOT NULL,
  part int NOT NULL,
  octets bytea NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (message_id, part)
);
ALTER TABLE postroad_queue_chunks ALTER COLUMN octets SET STORAGE EXTERNAL;

CREATE TABLE postroad_queue_recipients (
  message_id text NOT NULL,
  idx int NOT NULL,
  state text NOT NULL,
  due_ms bigint NOT NULL,
  site text NOT NULL,
  domain text NOT NULL,
  address text NOT NULL,
  fixed text NOT NULL,
  owner text,
  token text,
  lease_ends_ms bigint,
  attempts int NOT NULL,
  unsettled int NOT NULL,
  last_attempt_ms bigint,
  last_reply text,
  last_remote text,
  hold_reason text,
  bounce_reason text,
  redirect text,
  is_delay_told boolean NOT NULL,
  ordered text,
  PRIMARY KEY (message_id, idx, state)
) PARTITION BY LIST (state);
CREATE TABLE postroad_queue_leased PARTITION OF postroad_queue_recipients FOR VALUES IN ('leased')
  WITH (fillfactor = 80, ${vacuumed});
CREATE TABLE postroad_queue_parked PARTITION OF postroad_queue_recipients FOR VALUES IN ('ready', 'waiting', 'held')
  WITH (fillfactor = 90, ${vacuumed});
CREATE INDEX postroad_queue_due ON postroad_queue_parked (due_ms, message_id, idx)
  WHERE state IN ('ready', 'waiting');
CREATE INDEX postroad_queue_site ON postroad_queue_parked (site, due_ms, message_id, idx)
  WHERE state IN ('ready', 'waiting');
CREATE INDEX postroad_queue_lease_ends ON postroad_queue_leased (lease_ends_ms);

CREATE TABLE postroad_queue_nodes (
  owner text PRIMARY KEY,
  name text NOT NULL,
  seen_at timestamptz NOT NULL
);
CREATE TABLE postroad_queue_facts (name text PRIMARY KEY, fact text NOT NULL);
`;

const blobs = `CREATE TABLE postroad_queue_blobs (
  blob text PRIMARY KEY,
  message_id text NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT now(),
  is_doomed boolean NOT NULL DEFAULT false
);
CREATE INDEX postroad_queue_blobs_kept ON postroad_queue_blobs (kept_at)`;

/** All steps so far. */
export const migrations: readonly Migration[] = [
  { version: 1, name: 'queue tables', sql: first },
  { version: 2, name: 'bodies outside of the database', sql: blobs },
];
