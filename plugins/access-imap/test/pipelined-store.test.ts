/** STORE commands that come one behind the other share a commit, and are answered in their order. */
import { createStoreMemory, type MailboxStore } from '@postroad/core';
import { expect, test } from 'vitest';
import { connectClient, logIn } from './client.js';
import { startHost } from './host.js';
import { systemClock } from './system-clock.js';

/** A store that changes no flags before so many changes wait at once. */
function waitingStore(together: number): MailboxStore {
  const store = createStoreMemory({ nowMs: () => systemClock.now() });
  const waiting: (() => void)[] = [];
  const changeFlags = store.changeFlags.bind(store);
  return Object.assign(store, {
    firstRecent: async () => undefined,
    async changeFlags(...args: Parameters<MailboxStore['changeFlags']>) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === together) for (const go of waiting.splice(0)) go();
      });
      return changeFlags(...args);
    },
  });
}

async function inbox(together: number) {
  const host = await startHost({ store: waitingStore(together) });
  for (const subject of ['one', 'two', 'three']) await host.deliver(`Subject: ${subject}\r\n\r\nx\r\n`);
  const client = await connectClient(host.port);
  await client.ok('LOGIN alice secret');
  await client.ok('SELECT INBOX');
  return { host, client };
}

async function answers(client: Awaited<ReturnType<typeof connectClient>>, last: string): Promise<string[]> {
  const all: string[] = [];
  while (!all.at(-1)?.startsWith(`${last} `)) all.push(await client.read());
  return all;
}

test('what changed is told before the answer of its own command', async () => {
  const { host, client } = await inbox(4);
  client.send(
    'p1 STORE 1 +FLAGS (\\Seen)\r\np2 UID STORE 2:3 +FLAGS.SILENT (a)\r\np3 STORE 1 -FLAGS (\\Seen)\r\np4 STORE 2 FLAGS (b)\r\np5 NOOP\r\n',
  );
  expect(await answers(client, 'p5')).toEqual([
    '* 1 FETCH (FLAGS (\\Seen))',
    'p1 OK stored',
    expect.stringMatching(/^\* FLAGS \(.* a\)$/),
    'p2 OK stored',
    '* 1 FETCH (FLAGS ())',
    'p3 OK stored',
    expect.stringMatching(/^\* FLAGS \(.* a b\)$/),
    '* 2 FETCH (FLAGS (b))',
    'p4 OK stored',
    'p5 OK nothing done',
  ]);
  client.close();
  await host[Symbol.asyncDispose]();
});

test('one that is wrong, conditional or for another mailbox is carried out in its place', async () => {
  const { host, client } = await inbox(1);
  client.send(
    [
      'p1 STORE 1 +FLAGS (\\Seen)',
      'p2 STORE 9 +FLAGS (\\Seen)',
      'p3 STORE 2 +FLAGS (\\Flagged)',
      'p4 STORE 2 (UNCHANGEDSINCE 1) +FLAGS (\\Answered)',
      'p5 STORE nonsense',
      'p6 EXAMINE INBOX',
      'p7 STORE 3 +FLAGS (\\Seen)',
      'p8 STORE 3 +FLAGS {6+}',
      '(\\Seen)',
      'p9 FETCH 1:* FLAGS\r\n',
    ].join('\r\n'),
  );
  const all = await answers(client, 'p9');
  const tagged = all
    .filter((line) => line.startsWith('p'))
    .map((line) => line.split(' ').slice(0, 2).join(' '));
  expect(tagged).toEqual([
    'p1 OK',
    'p2 BAD',
    'p3 OK',
    'p4 OK',
    'p5 BAD',
    'p6 OK',
    'p7 NO',
    'p8 BAD',
    'p9 OK',
  ]);
  expect(all.find((line) => line.startsWith('p4'))).toContain('MODIFIED 2');
  expect(all.slice(-4, -1)).toEqual([
    '* 1 FETCH (FLAGS (\\Seen))',
    '* 2 FETCH (FLAGS (\\Flagged))',
    '* 3 FETCH (FLAGS ())',
  ]);
  client.close();
  await host[Symbol.asyncDispose]();
});

test('hundreds at once are all carried out', async () => {
  const { host, client } = await inbox(1);
  const commands = Array.from({ length: 350 }, (_, at) => `q${at} STORE ${1 + (at % 3)} FLAGS (n${at})\r\n`);
  client.send(commands.join(''));
  const all = await answers(client, 'q349');
  expect(all.filter((line) => line.startsWith('q'))).toHaveLength(350);
  const id = (await host.store.mailboxByName('alice', 'INBOX'))?.id ?? '';
  expect((await host.store.entries(id)).map(({ flags }) => flags)).toEqual([['n348'], ['n349'], ['n347']]);
  client.close();
  await host[Symbol.asyncDispose]();
});

test('a new keyword is listed before a message shows it, and nothing is told behind BYE', async () => {
  await using host = await startHost();
  await host.deliver('Subject: one\r\n\r\nx\r\n');
  const client = await logIn(host.port, 'INBOX');
  const other = await logIn(host.port, 'INBOX');
  const [flags, fetched] = await client.ok('STORE 1 +FLAGS (Fresh)');
  expect(flags).toMatch(/^\* FLAGS \(.* Fresh\)$/);
  expect(fetched).toBe('* 1 FETCH (FLAGS (Fresh))');
  const [first, second] = await other.ok('NOOP');
  expect(first).toMatch(/^\* FLAGS \(.* Fresh\)$/);
  expect(second).toBe('* 1 FETCH (UID 1 FLAGS (Fresh))');
  await client.ok('STORE 1 +FLAGS (\\Deleted)');
  await client.ok('EXPUNGE');
  expect(await other.ok('LOGOUT')).toEqual([expect.stringMatching(/^\* BYE/), expect.stringMatching(/^OK/)]);
});
