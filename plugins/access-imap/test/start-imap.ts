/** A whole server in memory with IMAP ports, TLS and two accounts, and mail put straight into its store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import { bodyFromBytes, definePlugin, directoryMemory, MailboxStore } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';

/** A running server. */
export interface ImapFixture extends AsyncDisposable {
  readonly mta: TestMta;
  readonly store: MailboxStore;
  /** The port with STARTTLS. */
  readonly port: number;
  /** The port with TLS from the first octet. */
  readonly tlsPort: number;
  /** A scratch directory. */
  readonly folder: string;
  /** Files a message in one of Alice's mailboxes, with CRLF for every LF. */
  file(text: string, mailbox?: string): Promise<number>;
}

/** Starts it. Alice's password is `wonder land`. */
export async function startImap(): Promise<ImapFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-imap-'));
  let store: MailboxStore | undefined;
  const probe = definePlugin({
    name: 'probe-store',
    needs: { store: MailboxStore },
    setup({ services }) {
      store = services.store;
    },
  });
  const mta = await startTestMta({
    listeners: [],
    tls: { selfSignedDirectory: folder },
    plugins: [
      directoryMemory({
        accounts: [{ address: 'alice@example.org', password: 'wonder land', id: 'alice' }],
      }),
      accessImap({
        listen: [
          { port: 0, host: '127.0.0.1', tls: 'starttls' },
          { port: 0, host: '127.0.0.1', tls: 'implicit' },
        ],
        limits: { loginFailureDelayMs: 0 },
      }),
      probe(),
    ],
  });
  const found = store;
  if (found === undefined) throw new Error('there is no store');
  return {
    mta,
    store: found,
    port: mta.port('imap'),
    tlsPort: mta.port('imaps'),
    folder,
    async file(text, mailbox = 'INBOX') {
      const body = bodyFromBytes(Buffer.from(text.replace(/\r?\n/g, '\r\n')));
      const filing = { accountId: 'alice', mailbox: { name: mailbox }, flags: [] };
      const [filed] = await found.file({ prefix: '', body, internalDateMs: Date.UTC(2024, 0, 2) }, [filing]);
      if (filed?.status !== 'filed') throw new Error('not filed');
      return filed.uid;
    },
    async [Symbol.asyncDispose]() {
      await mta.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
