/**
 * One worker and two, LMDB and PostgreSQL, side by side: messages accepted durably, and messages relayed. And how the store
 * over PostgreSQL compares with a bare insert of the same octets. Everything is on this machine, clients, next hop
 * and database too, so beside the rate stands what a message costs each of them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { compareDepths } from './deep.js';
import { compareInserts } from './inserts.js';
import { compareWorkers } from './workers.js';

const sizeBytes = 4_096;

/** The bench: `npm run bench -- scale [--messages 3000] [--warm 5000] [--rounds 3] [--directory DISK] [--rows 1000000] [--only workers|inserts|depth|POINT]`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '3000' },
      warm: { type: 'string', default: '5000' },
      rows: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      directory: { type: 'string', default: tmpdir() },
      only: { type: 'string' },
    },
  });
  const scale: Scale = {
    messages: Number(values.messages),
    rounds: Number(values.rounds),
    directory: await mkdtemp(`${values.directory}/postroad-bench-scale-`),
    database:
      postgresMissing === undefined
        ? await startTestPostgres({ settings: ['fsync = on', 'shared_buffers = 256MB'] })
        : undefined,
  };
  if (scale.database === undefined) console.log(`PostgreSQL is left out: ${postgresMissing}`);
  try {
    const only = values.only === 'workers' ? undefined : values.only;
    if (only !== 'inserts' && only !== 'depth')
      await compareWorkers({ ...scale, warm: Number(values.warm), sizeBytes, only });
    if (scale.database !== undefined && (values.only ?? 'inserts') === 'inserts')
      await compareInserts({ ...scale, server: scale.database, sizeBytes });
    if (scale.database !== undefined && values.only === 'depth')
      await compareDepths({ ...scale, server: scale.database, rows: Number(values.rows), sizeBytes });
  } finally {
    await scale.database?.stop();
    await rm(scale.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Scale {
  readonly messages: number;
  readonly rounds: number;
  readonly directory: string;
  readonly database: TestPostgres | undefined;
}
