/** The whole server up to the queue on disk: every message is durable before its 250, and none is delivered. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, createMta, definePlugin, storeMemory } from '@postroad/core';
import { queueLmdb } from '@postroad/queue-lmdb';
import { reportUse } from './server-process.js';

/** Takes everything; the one delivery that may run at a time waits until the end. */
const keepAll = definePlugin({
  name: 'route-keep',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('route', () => ({ transport: 'custom', name: 'keep', target: 'here' }));
    tap('deliver', (_delivery, signal) => {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
  },
});

const directory = await mkdtemp(join(process.env.POSTROAD_BENCH_DIRECTORY ?? tmpdir(), 'postroad-bench-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const mta = createMta({
  hostname: 'bench.example',
  log: { level: 'error' },
  spool: { directory: join(directory, 'spool') },
  queue: { deliveriesMax: 1 },
  listeners: [
    {
      name: 'bench',
      host: '127.0.0.1',
      port: 0,
      role: 'relay',
      tls: 'none',
      limits: { messagesPerConnectionMax: 1_000_000 },
    },
  ],
  plugins: [queueLmdb({ directory: join(directory, 'queue') }), storeMemory(), keepAll()],
});
await mta.start();
reportUse(mta.listeners[0]?.port ?? 0);
