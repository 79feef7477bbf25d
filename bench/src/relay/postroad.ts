/** The server that the relay benchmark measures, in a process of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { accept, createMta, definePlugin, queueMemory, storeMemory } from '@postroad/core';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { queueLmdb } from '@postroad/queue-lmdb';
import type { RelayServerOptions } from './relay.js';

const options = JSON.parse(process.argv[2] ?? '{}') as RelayServerOptions;
const directory = await mkdtemp(join(options.directory, 'postroad-bench-'));
const engine = options.engine === 'lmdb' ? queueLmdb({ directory: join(directory, 'queue') }) : queueMemory();

/** Takes everything and sends it to the sink. */
const relayAll = definePlugin({
  name: 'route-bench',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('route', () => ({ transport: 'smtp', host: '127.0.0.1', port: options.sinkPort, tls: 'none' }));
  },
});

const mta = createMta({
  hostname: 'relay.test',
  log: { level: 'error' },
  spool: { directory: join(directory, 'spool') },
  listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', tls: 'none' }],
  plugins: [engine, storeMemory(), relayAll(), deliverSmtp({ reuse: { messagesMax: 10_000 } })],
});
await mta.start();
process.send?.({ port: mta.listeners[0]?.port });

process.on('message', async (message) => {
  if (message === 'stop') {
    await mta.stop();
    await rm(directory, { recursive: true, force: true });
    process.exit();
  }
  const { user, system } = process.cpuUsage();
  const { messages } = await mta.queue.count();
  process.send?.({
    cpuMs: (user + system) / 1000,
    rssMb: process.memoryUsage.rss() / 1e6,
    waiting: messages,
  });
});
