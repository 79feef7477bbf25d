/**
 * The whole post office of `examples/post-office` up to its queue on disk: recipients are looked up in its users file,
 * every message is durable before its 250, and none is delivered.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMta, definePlugin } from '@postroad/core';
import { loadPostOffice, postOfficeOptions } from './post-office.js';
import { reportUse } from './server-process.js';

const { postOffice, usersFileOf, prepareAccounts } = await loadPostOffice();

/** What is in the queue stays there, as with HOLD in Postfix: no route is found, which is told once in a while. */
const holdAll = definePlugin({
  name: 'route-never',
  setup({ tap }) {
    tap(
      'route',
      (_message, _recipient, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      { order: 'early' },
    );
  },
});

const directory = await mkdtemp(join(process.env.POSTROAD_BENCH_DIRECTORY ?? tmpdir(), 'postroad-bench-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const options = postOfficeOptions(directory);
await prepareAccounts(usersFileOf(options), { domain: options.domain, hasDemo: true });
const composition = postOffice(options);
const mta = createMta({
  ...composition,
  listeners: (composition.listeners ?? []).map((listener) =>
    listener.name === 'smtp'
      ? { ...listener, limits: { ...listener.limits, messagesPerConnectionMax: 1_000_000 } }
      : listener,
  ),
  plugins: [...composition.plugins, holdAll()],
});
await mta.start();
reportUse(mta.listeners.find(({ name }) => name === 'smtp')?.port ?? 0);
