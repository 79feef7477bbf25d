/** The composition: engines in memory, one account, and a plugin that takes everything. */
import { accessImap } from '@postroad/access-imap';
import { accessPop3 } from '@postroad/access-pop3';
import { directoryMemory, listener, type MtaOptions, queueMemory, storeMemory } from '@postroad/core';
import type { SinkOptions } from './options.js';
import { routeSink } from './route-sink.js';

const account = { id: 'sink', login: 'sink', password: 'sink', address: 'sink@sink.invalid' };

/** The server, ready for `createMta`. */
export function sink({ host, ports, messagesMax, logLevel }: SinkOptions): MtaOptions {
  return {
    hostname: 'sink.invalid',
    log: { level: logLevel },
    plugins: [
      directoryMemory({ accounts: [account] }),
      queueMemory(),
      storeMemory(),
      routeSink({ accountId: account.id, messagesMax }),
      accessImap({ host, port: ports.imap, tls: 'none', plaintextAuth: true }),
      accessPop3({ host, port: ports.pop3, tls: 'none', plaintextAuth: true }),
    ],
    listeners: [
      listener({
        name: 'smtp',
        host,
        port: ports.smtp,
        role: 'relay',
        tls: 'none',
        auth: true,
        plaintextAuth: true,
        senders: 'any',
      }),
    ],
  };
}
