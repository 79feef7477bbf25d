/** What the queue does when its database is full, and when the network between one node and the database is cut. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bodyFromBytes, type Logger, type QueueStore, systemClock } from '@postroad/core';
import { sampleMessage } from '@postroad/core/testing';
import { migrate, openPostgres, type Postgres } from '@postroad/postgres';
import {
  askOf,
  type CutWire,
  networkMissing,
  openCutNetwork,
  postgresMissing,
  startTestPostgres,
  type TestPostgres,
} from '@postroad/postgres/testing';
import { openPostgresQueueStore, queuePostgresMigrations } from '@postroad/queue-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const limits = {
  tls: 'none',
  connectionsMax: 4,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 20_000,
} as const;
const rootMissing = process.getuid?.() === 0 ? undefined : 'a file system of a small size needs root';
const netMissing = networkMissing();
const nodeProgram = fileURLToPath(new URL('./cut-node.mjs', import.meta.url));
for (const missing of [postgresMissing, rootMissing, netMissing])
  if (missing !== undefined) console.warn(`SKIPPED: ${missing}`);

describe.skipIf(postgresMissing !== undefined)('a queue whose database fails', () => {
  let server: TestPostgres;
  const connect = (url: string): Postgres =>
    openPostgres({ ...limits, url, name: 'test' }, { clock: systemClock, log });
  const nowMs = (): number => systemClock.now();
  const node = (database: Postgres, name: string, nodeTimeoutMs = 60_000): QueueStore =>
    openPostgresQueueStore({ database, clock: systemClock, log, node: name, nodeTimeoutMs });

  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  it.skipIf(rootMissing !== undefined)(
    'refuses what does not fit on a full disk, keeps what it took, and goes on when there is room',
    { timeout: 120_000 },
    async () => {
      const mount = join(server.directory, 'full');
      await mkdir(mount);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=0700', 'tmpfs', mount], { timeout: 20_000 });
      try {
        const [uid, gid] = ['-u', '-g'].map((flag) =>
          Number(execFileSync('id', [flag, 'postgres'], { timeout: 20_000 })),
        );
        await chown(mount, uid ?? 0, gid ?? 0);
        await server.query(`CREATE TABLESPACE small LOCATION '${mount}'`);
        const url = `${await server.url()}%20-c%20default_tablespace%3Dsmall`;
        const database = connect(url);
        await migrate(database, 'queue-postgres', queuePostgresMigrations);
        await database.run(`CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)`);
        const store = node(database, 'full');
        await store.start('full', nowMs());
        const taken: string[] = [];
        const refusals: unknown[] = [];
        const body = bodyFromBytes(
          Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), Buffer.alloc(50_000, 'y')]),
        );
        for (let at = 0; refusals.length < 3 && at < 500; at++) {
          const message = sampleMessage(`m${at}`, [{ to: 'bob@b.test' }], { receivedAtMs: nowMs(), body });
          await store.put(message).then(
            () => taken.push(message.id),
            (error: unknown) => refusals.push(error),
          );
        }
        expect(taken.length).toBeGreaterThan(10);
        for (const error of refusals)
          expect(error).toMatchObject({ code: 'E_QUEUE_STORE', cause: { code: '53100' } });
        // Everything that was acknowledged is there, and nothing else.
        expect(
          (await store.range({}, { limit: 1_000 })).recipients.map((one) => one.messageId).sort(),
        ).toEqual(taken.sort());
        await database.run('DROP TABLE ballast');
        const again = sampleMessage('again', [{ to: 'bob@b.test' }], { receivedAtMs: nowMs(), body });
        await expect
          .poll(() =>
            store.put(again).then(
              () => true,
              () => false,
            ),
          )
          .toBe(true);
        await store.close();
      } finally {
        await server.halt();
        execFileSync('umount', [mount], { timeout: 20_000 });
      }
      await server.stop();
      server = await startTestPostgres();
    },
  );

  it.skipIf(netMissing !== undefined)(
    'goes on without a node that the network keeps from the database, which settles nothing later',
    { timeout: 120_000 },
    async () => {
      const url = await server.url();
      const database = connect(url);
      await migrate(database, 'queue-postgres', queuePostgresMigrations);
      const network = await openCutNetwork(server.port);
      const [wire] = network.wires as [CutWire];
      const [command = '', ...args] = network.prefix;
      const cutUrl = url.replace(`127.0.0.1:${server.port}`, `${wire.host}:${wire.port}`);
      const child = spawn(command, [...args, process.execPath, nodeProgram, cutUrl], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const ask = askOf(child);
      const other = node(database, 'other', 4_000);
      try {
        expect(await ask('start')).toBe('ok');
        expect(await ask('put m1')).toBe('ok');
        await other.start('other', nowMs());
        wire.cut(true);
        // It can not take mail any more, and knows after a while that it holds nothing for sure.
        const put = ask('put m2');
        let taken: Awaited<ReturnType<QueueStore['lease']>> = [];
        await expect
          .poll(
            async () => {
              const lease = { owner: 'other', untilMs: nowMs() + 600_000, token: 'other-1' };
              taken = [...taken, ...(await other.lease({ nowMs: nowMs(), limit: 10, lease }))];
              return taken.map((one) => one.messageId);
            },
            { timeout: 60_000 },
          )
          .toEqual(['m1']);
        expect(await put).toMatch(/E_QUEUE_STORE/);
        expect(await ask('held m1')).toBe('no');
        wire.cut(false);
        await expect.poll(() => ask('put m3'), { timeout: 60_000 }).toBe('ok');
        // It is among the nodes again: what it holds now is its own, what it held before is not.
        await expect.poll(() => ask('held m3'), { timeout: 60_000 }).toBe('yes');
        expect(await ask('held m1')).toBe('no');
        expect(await ask('settle m1')).toBe('ok');
        const [still] = (await other.range({ messageId: 'm1' }, { limit: 1 })).recipients;
        expect(still).toMatchObject({ state: 'leased', leaseOwner: 'other' });
        await other.settle('other', [{ messageId: 'm1', index: 0, to: 'done', leaseToken: 'other-1' }]);
        const left = (await other.range({}, { limit: 10 })).recipients.map((one) => one.messageId);
        expect(left).not.toContain('m1');
        expect(left).toContain('m3');
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
        await other.close();
        await network.close();
      }
    },
  );
});
