/**
 * The whole post office of `examples/post-office` up to its queue on disk: recipients are looked up in its users file,
 * every message is durable before its 250, and none is delivered.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMta, definePlugin, type MtaOptions } from '@postroad/core';
import { reportUse } from './server-process.js';

/** What is used of the example. */
interface PostOffice {
  postOffice(options: object): MtaOptions;
  usersFileOf(options: object): string;
  prepareAccounts(path: string, options: { domain: string; hasDemo: boolean }): Promise<void>;
}

const built = new URL('../../../examples/post-office/dist/', import.meta.url);
const { postOffice, usersFileOf, prepareAccounts } = {
  ...(await import(new URL('post-office.js', built).href)),
  ...(await import(new URL('accounts.js', built).href)),
} as PostOffice;

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
const names = ['smtp', 'submission', 'submissions', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s'];
const domain = 'example.org';
const options = {
  host: '127.0.0.1',
  domain,
  hostname: 'bench.example',
  dataDirectory: directory,
  ports: Object.fromEntries(names.map((name) => [name, 0])),
  dnsServers: [],
  mxPort: 25,
  isPrivateMxAllowed: false,
  retryDelaysMs: [],
  sizeBytesMax: undefined,
  // It has nothing to say but that no route was found.
  logLevel: 'silent',
};
await prepareAccounts(usersFileOf(options), { domain, hasDemo: true });
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
