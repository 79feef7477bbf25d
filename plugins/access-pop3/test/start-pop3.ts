/** A server in memory with POP3 ports, and mail put straight into its store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bodyFromBytes,
  definePlugin,
  directoryMemory,
  MailboxStore,
  type MtaOptions,
  type PluginUse,
} from '@postroad/core';
import { playDialogue, startTestMta, type TestMta, type TestMtaOptions } from '@postroad/core/testing';
import { type AccessPop3Options, accessPop3 } from '../src/index.js';

export interface Pop3Fixture extends AsyncDisposable {
  readonly mta: TestMta;
  readonly store: MailboxStore;
  readonly port: number;
  /** The port with TLS from the first octet. */
  readonly tlsPort: number;
  /** Files a message in Alice's inbox, with CRLF for every LF; resolves with its UID. */
  file(text: string | Uint8Array, accountId?: string): Promise<number>;
  play(script: string): Promise<void>;
  readonly plugins: readonly PluginUse[];
  /** Where the certificate is. */
  readonly folder: string;
}

/** Three messages that the dialogues know. */
export const messages = [
  'Subject: one\n\nfirst body\n',
  'Subject: two\n\n.starts with a dot\nline 2\n..\n.\nline 5\n',
  'Subject: three\n\nno line end',
];

/** Starts it. Passwords without TLS are allowed unless `pop3` says otherwise. */
export async function startPop3(
  pop3: Omit<AccessPop3Options, 'listen' | 'port'> & { readonly plaintextAuth?: boolean } = {},
  options: Omit<TestMtaOptions, 'plugins'> & { readonly plugins?: MtaOptions['plugins'] } = {},
): Promise<Pop3Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-pop3-'));
  let store: MailboxStore | undefined;
  const probe = definePlugin({
    name: 'probe-store',
    needs: { store: MailboxStore },
    setup({ services }) {
      store = services.store;
    },
  });
  const { plaintextAuth = true, ...rest } = pop3;
  const plugins = [
    directoryMemory({
      accounts: [
        { address: 'alice@example.org', password: 'wonder land', id: 'alice' },
        { address: 'bob@example.org', password: 'builder', id: 'bob' },
        { address: 'jörg@example.org', password: 'schlüssel', id: 'joerg' },
      ],
    }),
    accessPop3({
      listen: [
        { port: 0, host: '127.0.0.1', plaintextAuth },
        { port: 0, host: '127.0.0.1', tls: 'implicit' },
      ],
      ...rest,
      limits: { loginFailureDelayMs: 0, ...rest.limits },
    }),
    probe(),
    ...(options.plugins ?? []),
  ];
  const mta = await startTestMta({
    listeners: [],
    tls: { selfSignedDirectory: folder },
    ...options,
    plugins,
  });
  const found = store;
  if (found === undefined) throw new Error('there is no store');
  const port = mta.port('pop3');
  return {
    mta,
    store: found,
    port,
    tlsPort: mta.port('pop3s'),
    plugins,
    folder,
    async file(text, accountId = 'alice') {
      const bytes = typeof text === 'string' ? Buffer.from(text.replace(/\n/g, '\r\n')) : text;
      const message = { prefix: '', body: bodyFromBytes(bytes), internalDateMs: 0 };
      const [filed] = await found.file(message, [{ accountId, mailbox: { name: 'INBOX' }, flags: [] }]);
      if (filed?.status !== 'filed') throw new Error('not filed');
      return filed.uid;
    },
    play: (script) => playDialogue({ port }, script),
    async [Symbol.asyncDispose]() {
      await mta.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts it with the three messages in Alice's inbox. */
export async function startWithMail(...args: Parameters<typeof startPop3>): Promise<Pop3Fixture> {
  const fixture = await startPop3(...args);
  for (const text of messages) await fixture.file(text);
  return fixture;
}

/** The UIDs in an inbox. */
export async function uidsOf(store: MailboxStore, accountId = 'alice'): Promise<readonly number[]> {
  const inbox = await store.mailboxByName(accountId, 'INBOX');
  return inbox === undefined ? [] : (await store.entries(inbox.id)).map((entry) => entry.uid);
}
