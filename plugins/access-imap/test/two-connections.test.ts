/** Every kind of change made on one connection, as the other connection sees it. */
import { createStoreMemory } from '@postroad/core';
import { expect, test } from 'vitest';
import { connectClient, logIn, type TestClient } from './client.js';
import { startHost, type TestHost } from './host.js';
import { systemClock } from './system-clock.js';

const letter = (subject: string) => `Subject: ${subject}\n\nbody of ${subject}\n`;

async function two(host: TestHost, count = 3): Promise<[TestClient, TestClient]> {
  for (let at = 1; at <= count; at++) await host.deliver(letter(`m${at}`));
  return [await logIn(host.port, 'INBOX'), await logIn(host.port, 'INBOX')];
}

test('a delivery is told at the end of the next command, whatever it is', async () => {
  await using host = await startHost();
  const [one] = await two(host);
  await host.deliver(letter('new'));
  expect(await one.ok('FETCH 1 UID')).toEqual([
    '* 1 FETCH (UID 1)',
    '* 4 EXISTS',
    '* 0 RECENT',
    'OK that is all',
  ]);
});

test('flags set on one connection show on the other, once', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  await one.ok('STORE 2 +FLAGS (\\Flagged)');
  expect(await other.ok('NOOP')).toEqual(['* 2 FETCH (UID 2 FLAGS (\\Flagged))', 'OK nothing done']);
  expect(await other.ok('NOOP')).toEqual(['OK nothing done']);
  expect(await one.ok('NOOP')).toEqual(['OK nothing done']);
});

test('a keyword nobody had shows with the list of flags', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  await one.ok('STORE 1 +FLAGS.SILENT ($Label)');
  const news = await other.ok('NOOP');
  expect(news[0]).toMatch(/^\* FLAGS \(.*\$Label\)$/);
  expect(news[1]).toBe('* 1 FETCH (UID 1 FLAGS ($Label))');
});

test('a silent STORE tells what another connection changed in between', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  await other.ok('STORE 1 +FLAGS (\\Answered)');
  const told = await one.ok('STORE 1 +FLAGS.SILENT (\\Seen)');
  expect(told.join('\n')).toContain('FLAGS (\\Answered \\Seen)');
  expect(await one.ok('STORE 1 -FLAGS.SILENT (\\Seen)')).toEqual(['OK stored']);
});

test('a silent STORE tells what others changed of which no word has come yet', async () => {
  // As another process may have changed it.
  const store = createStoreMemory({ nowMs: () => systemClock.now() });
  const quiet = { watch: () => () => {}, firstRecent: async () => undefined };
  await using host = await startHost({ store: Object.assign(store, quiet) });
  const [one, other] = await two(host);
  await other.ok('STORE 1 +FLAGS.SILENT (\\Answered)');
  expect(await one.ok('STORE 1 +FLAGS.SILENT (\\Seen)')).toEqual([
    '* 1 FETCH (FLAGS (\\Answered \\Seen))',
    'OK stored',
  ]);
  // What the connection did itself it tells all the same.
  expect(await one.ok('APPEND INBOX {6+}\r\na: b\r\n')).toContain('* 4 EXISTS');
  await one.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  expect((await one.ok('EXPUNGE')).filter((line) => line.endsWith('EXPUNGE'))).toEqual(['* 2 EXPUNGE']);
  expect(await one.ok('MOVE 1 Archive')).toContain('* 1 EXPUNGE');
  expect(await one.ok('COPY 1 INBOX')).toContain('* 3 EXISTS');
});

test('expunges are held back during FETCH, STORE and SEARCH by number, and told by others', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  await one.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await one.ok('EXPUNGE');
  expect(await other.ok('FETCH 2 UID')).toContain('* 2 FETCH (UID 2)');
  expect(await other.ok('SEARCH ALL')).toEqual(['* SEARCH 1 2 3', 'OK that is all']);
  expect((await other.ok('STORE 3 +FLAGS (\\Seen)'))[0]).toBe('* 3 FETCH (FLAGS (\\Seen))');
  // RFC 2180 section 4.2: nothing is told of what is gone.
  expect(await other.ok('STORE 1:2 +FLAGS (\\Flagged)')).toEqual([
    '* 2 FETCH (FLAGS (\\Flagged))',
    'OK [EXPUNGEISSUED] stored; some messages are gone',
  ]);
  // RFC 5256 section 3: SORT and THREAD hold them back as SEARCH does.
  for (const command of ['SORT (ARRIVAL) UTF-8 ALL', 'THREAD ORDEREDSUBJECT UTF-8 ALL']) {
    expect((await other.ok(command)).join(), command).not.toContain('EXPUNGE');
  }
  expect(await other.ok('UID SEARCH ALL')).toEqual(['* SEARCH 2 3', '* 1 EXPUNGE', 'OK that is all']);
  expect(await other.ok('FETCH 1:2 UID')).toEqual([
    '* 1 FETCH (UID 2)',
    '* 2 FETCH (UID 3)',
    'OK that is all',
  ]);
});

test('the body of a message expunged by another is said to be gone', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  await one.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  await one.ok('EXPUNGE');
  const answer = await other.run('FETCH 1:3 BODY.PEEK[]');
  expect(answer).toHaveLength(3);
  expect(answer.at(-1)).toMatch(/^NO \[EXPUNGEISSUED\]/);
});

test('several expunges count down as each is told', async () => {
  await using host = await startHost();
  const [one, other] = await two(host, 6);
  await one.ok('STORE 1,2,5 +FLAGS.SILENT (\\Deleted)');
  expect(await one.ok('EXPUNGE')).toEqual(['* 1 EXPUNGE', '* 1 EXPUNGE', '* 3 EXPUNGE', 'OK expunged']);
  expect((await other.ok('NOOP')).filter((line) => line.endsWith('EXPUNGE'))).toEqual([
    '* 1 EXPUNGE',
    '* 1 EXPUNGE',
    '* 3 EXPUNGE',
  ]);
  expect((await other.ok('FETCH * UID'))[0]).toBe('* 3 FETCH (UID 6)');
});

test('a message that came and went untold is never told', async () => {
  await using host = await startHost();
  const [one] = await two(host, 1);
  const uid = await host.deliver(letter('brief'));
  const mailbox = await host.store.mailboxByName('alice', 'INBOX');
  await host.store.expunge(mailbox?.id ?? '', [uid]);
  expect(await one.ok('NOOP')).toEqual(['OK nothing done']);
});

test('a MOVE takes messages away on the other connection, and a COPY brings them', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  const archive = await logIn(host.port, 'Archive');
  await one.ok('MOVE 2 Archive');
  await one.ok('COPY 1 Archive');
  expect(await other.ok('NOOP')).toEqual(['* 2 EXPUNGE', 'OK nothing done']);
  expect((await archive.ok('NOOP'))[0]).toBe('* 2 EXISTS');
});

test('IDLE shows deliveries, flags and expunges as they happen', async () => {
  await using host = await startHost();
  const [one, other] = await two(host);
  other.send('I1 IDLE\r\n');
  expect(await other.read()).toBe('+ idling');
  await host.deliver(letter('new'));
  expect(await other.read()).toBe('* 4 EXISTS');
  expect(await other.read()).toBe('* 0 RECENT');
  await one.ok('STORE 1 +FLAGS (\\Seen)');
  expect(await other.read()).toBe('* 1 FETCH (UID 1 FLAGS (\\Seen))');
  await one.ok('STORE 1:2 +FLAGS (\\Deleted)');
  expect(await other.read()).toBe('* 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen))');
  expect(await other.read()).toBe('* 2 FETCH (UID 2 FLAGS (\\Deleted))');
  await one.ok('EXPUNGE');
  expect(await other.read()).toBe('* 1 EXPUNGE');
  expect(await other.read()).toBe('* 1 EXPUNGE');
  other.send('DONE\r\n');
  expect(await other.read()).toBe('I1 OK idle ended');
  expect(host.errors).toEqual([]);
});

test('deleting the mailbox another has selected ends that connection', async () => {
  await using host = await startHost();
  await host.deliver(letter('x'), 'Archive');
  const one = await logIn(host.port, 'Archive');
  const idle = await logIn(host.port, 'Archive');
  idle.send('I1 IDLE\r\n');
  await idle.read();
  const other = await logIn(host.port);
  await other.ok('DELETE Archive');
  expect(await idle.read()).toMatch(/^\* BYE/);
  await idle.closed();
  expect((await one.run('NOOP'))[0]).toMatch(/^\* BYE/);
  await one.closed();
});

test('what changes while a mailbox is being opened is told, and nothing once it is left', async () => {
  const store = createStoreMemory({ nowMs: () => systemClock.now() });
  let watching = 0;
  const { entries, watch } = store;
  const late = {
    firstRecent: async () => undefined,
    async entries(...given: Parameters<typeof entries>) {
      const found = await entries.apply(store, given);
      await host.deliver(letter('late'));
      return found;
    },
    watch(...given: Parameters<typeof watch>) {
      const stop = watch.apply(store, given);
      watching++;
      return () => {
        watching--;
        stop();
      };
    },
  };
  await using host = await startHost({ store: Object.assign(store, late) });
  const client = await logIn(host.port);
  const opened = await client.ok('SELECT INBOX');
  expect(opened).toContain('* 0 EXISTS');
  expect([...opened, ...(await client.ok('NOOP'))]).toContain('* 1 EXISTS');
  await client.ok('SELECT Archive');
  await client.ok('SELECT INBOX');
  expect(watching).toBe(1);
  // Whoever deletes what is selected has left it.
  await client.ok('CREATE Old');
  await client.ok('SELECT Old');
  await client.ok('DELETE Old');
  expect(await client.ok('NOOP')).toEqual(['OK nothing done']);
  expect(watching).toBe(0);
});

test('a renamed mailbox stays selected', async () => {
  await using host = await startHost();
  await host.deliver(letter('x'), 'Archive');
  const one = await logIn(host.port, 'Archive');
  const other = await logIn(host.port);
  await other.ok('RENAME Archive Old');
  await host.deliver(letter('y'), 'Old');
  expect((await one.ok('NOOP'))[0]).toBe('* 2 EXISTS');
});

test('EXAMINE changes nothing', async () => {
  await using host = await startHost();
  const [one] = await two(host);
  const reader = await logIn(host.port);
  await reader.ok('EXAMINE INBOX');
  await reader.ok('FETCH 1 BODY[]');
  expect((await reader.run('STORE 1 +FLAGS (\\Deleted)'))[0]).toMatch(/^NO/);
  await one.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
  for (const command of [
    'EXPUNGE',
    'UID EXPUNGE 2',
    'MOVE 1 Archive',
    'REPLACE 1 Archive {6+}\r\na: b\r\n',
  ]) {
    expect((await reader.run(command)).at(-1), command).toMatch(/^NO/);
  }
  await reader.ok('CLOSE');
  expect(await one.ok('FETCH 1:* FLAGS')).toEqual([
    '* 1 FETCH (FLAGS ())',
    '* 2 FETCH (FLAGS (\\Deleted))',
    '* 3 FETCH (FLAGS ())',
    'OK that is all',
  ]);
  expect((await one.ok('STATUS Archive (MESSAGES)'))[0]).toContain('MESSAGES 0');
});

test('when the server drains, connections are told and closed', async () => {
  await using host = await startHost();
  const client = await connectClient(host.port);
  host.drain();
  expect(await client.read()).toMatch(/^\* BYE/);
  await client.closed();
});
