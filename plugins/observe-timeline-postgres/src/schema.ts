/**
 * The tables of the timeline. What is written stands in one of eight pairs of tables, the current one; when that is full or
 * old, the next is emptied and becomes the current one. So what goes away goes without deleting a row, nothing is ever
 * vacuumed, and the room on the disk is bounded.
 */
import type { Migration } from '@postroad/postgres';

/** Whose migrations they are. */
export const owner = 'observe-timeline-postgres';

/** How many pairs of tables there are. */
export const slots = 8;

/** The tables of one slot. */
export const tablesOf = (slot: number): readonly string[] => [
  `postroad_timeline_${slot}`,
  `postroad_timeline_keys_${slot}`,
];

const partitions = Array.from({ length: slots }, (_, slot) =>
  ['postroad_timeline', 'postroad_timeline_keys']
    .map((table) => `CREATE TABLE ${table}_${slot} PARTITION OF ${table} FOR VALUES IN (${slot});`)
    .join('\n'),
).join('\n');

const first = `
CREATE TABLE postroad_timeline_now (
  slot int NOT NULL,
  since timestamptz NOT NULL
);
INSERT INTO postroad_timeline_now VALUES (0, now());

CREATE TABLE postroad_timeline (
  slot int NOT NULL,
  message_id text NOT NULL,
  at_ms bigint NOT NULL,
  node text NOT NULL,
  head text,
  entries text NOT NULL
) PARTITION BY LIST (slot);
CREATE INDEX postroad_timeline_message ON postroad_timeline (message_id, at_ms);

CREATE TABLE postroad_timeline_keys (
  slot int NOT NULL,
  key text NOT NULL,
  at_ms bigint NOT NULL,
  message_id text NOT NULL
) PARTITION BY LIST (slot);
CREATE INDEX postroad_timeline_key ON postroad_timeline_keys (key, at_ms DESC);
${partitions}
`;

/** All steps so far. */
export const migrations: readonly Migration[] = [{ version: 1, name: 'timeline tables', sql: first }];
