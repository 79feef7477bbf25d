/** A database whose connections are all taken by somebody else. */
import { systemClock } from '@postroad/core';
import { openPostgres, type Postgres } from '@postroad/postgres';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const hog = 'hog';
/** More than the server has. */
const hogs = 100;
const limits = { connectionsMax: 1, connectTimeoutMs: 2_000, statementTimeoutMs: 120_000 };

/** Ends everybody's connections and takes their places; resolves with what gives them back. */
export async function takeConnections(url: string): Promise<() => Promise<void>> {
  const open = (name: string): Postgres =>
    openPostgres({ url, tls: 'none', name, ...limits }, { clock: systemClock, log: silent });
  const keeper = open('keeper');
  await keeper.query('SELECT 1');
  const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name NOT IN ('${hog}', 'keeper')`;
  const all: Postgres[] = [];
  const take = async (): Promise<boolean> => {
    const one = open(hog);
    all.push(one);
    return await one.query('SELECT 1').then(
      () => true,
      () => false,
    );
  };
  // Whoever comes back between is ended again, until nobody but the hogs has a place.
  for (let taken = 0; taken < hogs; ) {
    await keeper.query(others);
    const got = await Promise.all(Array.from({ length: 10 }, take));
    taken += 10;
    const [row] = await keeper.query<{ number: number }>(
      `SELECT count(*)::int AS number FROM (${others}) ended`,
    );
    if (got.includes(false) && row?.number === 0) break;
  }
  return async () => {
    for (const one of all) await one.close();
    await keeper.close();
  };
}
