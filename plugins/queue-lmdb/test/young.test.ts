import { createSeededRandom } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { type Change, type KeyRange, type TableId, type TableReader, table } from '../src/tables/tables.js';
import { createYoung } from '../src/young/young.js';
import { createMemoryTables } from './memory-tables.js';

/** Keys and entries of a range as one text. */
function told(of: TableReader, id: TableId, range: KeyRange): string {
  const entries = [...of.range(id, range)].map(({ key, value }) => `${key}=${value}`);
  return `${[...of.keys(id, range)].join()} ${entries.join()}`;
}

const ids: readonly TableId[] = [table.messages, table.recipients, table.due];

it('shows what is young and the tables as one, whatever is changed, taken back and moved', () => {
  const first = Number(process.env.SEED ?? 1);
  const seeds = process.env.SEED === undefined ? 60 : 1;
  for (let seed = first; seed < first + seeds; seed++) {
    const random = createSeededRandom(seed);
    const pick = (max: number): number => Math.floor(random.number() * max);
    const tables = createMemoryTables();
    const young = createYoung(tables);
    const model = createMemoryTables();
    for (let step = 0; step < 120; step++) {
      const changes = Array.from({ length: 1 + pick(4) }, (): Change => {
        const value = random.number() < 0.6 ? Buffer.from(String(step)) : undefined;
        return { table: ids[pick(ids.length)] as TableId, key: `k${pick(20)}`, value };
      });
      const undos = changes.map((change) => {
        const isNew = !young.has(change.table, change.key) && !tables.has(change.table, change.key);
        return young.apply(change, isNew && young.lowered === undefined);
      });
      if (random.number() < 0.3) for (const undo of undos.reverse()) undo();
      else model.apply(changes);
      if (random.number() < 0.1 && young.lowered === undefined) young.lower();
      if (random.number() < 0.1 && young.lowered !== undefined) {
        tables.apply([...young.lowered.changes()]);
        young.forgetLowered();
      }
      check(step % 10 === 0 ? '' : `k${pick(20)}`);
    }
    expect(young.sizeBytes, `SEED=${seed}`).toBeGreaterThanOrEqual(0);

    function check(start: string): void {
      for (const id of ids) {
        const range = random.number() < 0.5 ? { start } : { start, end: `k${pick(20)}` };
        expect(told(young, id, range), `SEED=${seed}`).toBe(told(model, id, range));
        const key = `k${pick(20)}`;
        expect(young.get(id, key)?.toString(), `SEED=${seed}`).toBe(model.get(id, key)?.toString());
        expect(young.has(id, key), `SEED=${seed}`).toBe(model.has(id, key));
      }
    }
  }
});

it('remembers nothing of what came and went again while it was young', () => {
  const young = createYoung(createMemoryTables());
  const put = { table: table.messages, key: 'm1', value: Buffer.alloc(1000) };
  young.apply(put, true);
  expect(young.sizeBytes).toBeGreaterThan(1000);
  young.apply({ ...put, value: undefined }, false);
  expect(young.isEmpty).toBe(true);
  expect(young.sizeBytes).toBe(0);
});
