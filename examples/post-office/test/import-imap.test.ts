/** Moving in from another server: `postroad mailbox import-imap` against a running one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import {
  bodyFromBytes,
  createMta,
  definePlugin,
  MailboxStore,
  type Mta,
  queueMemory,
  storeMemory,
} from '@postroad/core';
import { createStoreLmdb, storeLmdb } from '@postroad/store-lmdb';
import { afterEach, beforeEach, expect, it } from 'vitest';

let directory: string;
let mta: Mta;
let far: MailboxStore;
let port = 0;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-import-'));
  const own = definePlugin({
    name: 'auth-test',
    needs: { store: MailboxStore },
    setup({ tap, services }) {
      far = services.store;
      tap('credentials', (_, credentials) => {
        if (credentials.kind !== 'password' || credentials.password !== 'secret') return undefined;
        const { login, mechanism } = credentials;
        return { accountId: login, login, mechanism };
      });
    },
  });
  mta = createMta({
    hostname: 'old.example.org',
    log: { level: 'silent' },
    spool: { directory: join(directory, 'spool') },
    listeners: [],
    plugins: [
      queueMemory(),
      storeMemory(),
      own(),
      accessImap({ port: 0, host: '127.0.0.1', tls: 'none', plaintextAuth: true }),
    ],
  });
  await mta.start();
  port = mta.listeners.find(({ name }) => name === 'imap')?.port ?? 0;
});
afterEach(async () => {
  await mta.stop();
  await rm(directory, { recursive: true });
});

async function fileFar(
  name: string,
  subject: string,
  flags: readonly string[] = [],
  octets = 0,
): Promise<void> {
  const text = `Subject: ${subject}\r\nMessage-ID: <${subject}@old>\r\n\r\n${'line of text\r\n'.repeat(1 + octets / 14)}`;
  const internalDateMs = Date.UTC(2020, 1, 2, 3, 4, 5);
  const message = { prefix: '', body: bodyFromBytes(Buffer.from(text)), internalDateMs };
  await far.file(message, [{ accountId: 'old', mailbox: { name }, flags }]);
}

async function importAll(mailbox?: string, secret = 'secret'): Promise<readonly Record<string, unknown>[]> {
  const command = storeLmdb.definition.commands?.find(({ name }) => name === 'mailbox import-imap');
  const rows: Record<string, unknown>[] = [];
  await command?.run({
    config: {
      directory: join(directory, 'store'),
      inlineBytesMax: 65_536,
      changeLogMax: 1000,
      cachedEntriesMax: 1000,
      cachedMessagesMax: 100,
      hasTextIndex: false,
    },
    args: {
      account: 'alice',
      url: `imap://old@127.0.0.1:${port}`,
      ...(mailbox === undefined ? {} : { mailbox }),
    },
    terminal: {
      isJson: true,
      isInteractive: false,
      print: () => undefined,
      result: (more) => rows.push(...more.map((row) => ({ ...row }))),
      askSecret: async () => secret,
    },
    call: () => Promise.reject(new Error('no server is asked')),
  });
  return rows;
}

it('brings mailboxes, flags, dates and octets over, large messages too', { timeout: 60_000 }, async () => {
  await fileFar('INBOX', 'one', ['\\Seen', 'Work']);
  await fileFar('INBOX', 'large', [], 400_000);
  await fileFar('Größe/Tiefe', 'deep', ['\\Flagged']);
  await far.createMailbox('old', 'Empty');
  const rows = await importAll();
  expect(rows.find(({ mailbox }) => mailbox === 'INBOX')).toMatchObject({ imported: 2, known: 0 });
  const near = createStoreLmdb({ directory: join(directory, 'store') }, { nowMs: () => 0 });
  try {
    expect((await near.mailboxes('alice')).map(({ name }) => name)).toContain('Empty');
    const inbox = await near.mailboxByName('alice', 'INBOX');
    const entries = await near.entries(inbox?.id ?? '');
    expect(entries.find(({ flags }) => flags.includes('Work'))).toMatchObject({
      flags: ['Work', '\\Seen'].sort(),
      internalDateMs: Date.UTC(2020, 1, 2, 3, 4, 5),
    });
    expect(entries.some(({ sizeBytes }) => sizeBytes > 400_000)).toBe(true);
    const deep = await near.mailboxByName('alice', 'Größe/Tiefe');
    expect((await near.entries(deep?.id ?? ''))[0]?.flags).toEqual(['\\Flagged']);
  } finally {
    await near.close();
  }
});

it('goes on where it stood, and reads nothing twice', { timeout: 60_000 }, async () => {
  for (let at = 0; at < 120; at++) await fileFar('INBOX', `m${at}`);
  const { open } = far;
  let opens = 0;
  // The other server fails in the middle.
  far.open = async (id) => {
    if (++opens > 80) throw new Error('the disk is broken');
    return open.call(far, id);
  };
  await expect(importAll('INBOX')).rejects.toThrow();
  opens = 0;
  far.open = async (id) => {
    opens++;
    return open.call(far, id);
  };
  const [row] = await importAll('INBOX');
  expect(Number(row?.imported) + Number(row?.known)).toBe(120);
  expect(row?.known).toBe(50);
  expect(opens).toBe(70);
  expect(await importAll('INBOX')).toMatchObject([{ imported: 0, known: 120 }]);
});

it('says why it can not begin', async () => {
  await expect(importAll(undefined, 'wrong')).rejects.toMatchObject({ code: 'E_USAGE' });
});
