/** Numbers for mailboxes, messages and threads: taken from the database a thousand at a time, never given out twice. */
import type { Connection } from '@postroad/postgres';

/** Gives numbers. Those that are not used when the process ends are lost. */
export interface Ids {
  /** So many numbers, ascending. */
  take(connection: Connection, count: number): Promise<readonly number[]>;
}

const stock = 1_000;

/** Without a stock yet. */
export function createIds(): Ids {
  let next = 0;
  let end = 0;
  return {
    async take(connection, count) {
      const taken: number[] = [];
      for (;;) {
        while (taken.length < count && next < end) taken.push(next++);
        if (taken.length === count) return taken;
        const [row] = await connection.query<{ id: number }>("SELECT nextval('postroad_store_ids') AS id");
        // Somebody else may have filled the stock meanwhile; what is thrown away is only numbers.
        next = row?.id ?? 0;
        end = next + stock;
      }
    },
  };
}
