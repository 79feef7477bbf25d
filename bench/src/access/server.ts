/** The server that the access benchmark measures, in a process of its own. Every password is right. */
import { join } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import { accessPop3 } from '@postroad/access-pop3';
import { createMta, definePlugin, queueMemory } from '@postroad/core';
import { storeLmdb } from '@postroad/store-lmdb';

/** What the benchmark tells it. */
export interface AccessServerOptions {
  /** Kept between runs. */
  readonly directory: string;
  readonly hasTextIndex: boolean;
}

const options = JSON.parse(process.argv[2] ?? '{}') as AccessServerOptions;

const anyPassword = definePlugin({
  name: 'auth-bench',
  setup({ tap }) {
    tap('credentials', (_, { login, mechanism }) => ({ accountId: login, login, mechanism }));
  },
});

const plain = { port: 0, host: '127.0.0.1', tls: 'none', plaintextAuth: true } as const;
const many = { connectionsMax: 20_000, connectionsPerAddressMax: 20_000 };
const mta = createMta({
  hostname: 'access.test',
  log: { level: 'error' },
  spool: { directory: join(options.directory, 'spool') },
  listeners: [],
  plugins: [
    queueMemory(),
    storeLmdb({ directory: join(options.directory, 'mailboxes'), hasTextIndex: options.hasTextIndex }),
    anyPassword(),
    accessImap({ ...plain, limits: { ...many, connectionsPerAccountMax: 20_000 } }),
    accessPop3({ ...plain, limits: many }),
  ],
});
await mta.start();
const portOf = (name: string) => mta.listeners.find((listener) => listener.name === name)?.port;
process.send?.({ imap: portOf('imap'), pop3: portOf('pop3') });

process.on('message', async () => {
  await mta.stop();
  process.exit();
});
