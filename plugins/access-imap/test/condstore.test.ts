/** CONDSTORE and QRESYNC (RFC 7162). */
import { createStoreMemory } from '@postroad/core';
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';
import { systemClock } from './system-clock.js';

const letter = 'Subject: x\n\nbody\n';

test('STATUS and SELECT tell the highest mod-sequence, FETCH and STORE those of messages', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  const client = await logIn(host.port);
  const [status] = await client.ok('STATUS INBOX (HIGHESTMODSEQ)');
  const highest = Number(/HIGHESTMODSEQ (\d+)/.exec(status ?? '')?.[1]);
  expect(await client.ok('SELECT INBOX')).toContain(`* OK [HIGHESTMODSEQ ${highest}] highest`);
  expect((await client.ok('FETCH 1 (FLAGS MODSEQ)'))[0]).toBe(`* 1 FETCH (FLAGS () MODSEQ (${highest}))`);
  expect((await client.ok('STORE 1 +FLAGS.SILENT (\\Seen)'))[0]).toBe(`* 1 FETCH (MODSEQ (${highest + 1}))`);
  expect(await client.ok(`FETCH 1 (FLAGS) (CHANGEDSINCE ${highest + 1})`)).toHaveLength(1);
  expect((await client.ok(`FETCH 1 (FLAGS) (CHANGEDSINCE ${highest})`))[0]).toBe(
    `* 1 FETCH (FLAGS (\\Seen) MODSEQ (${highest + 1}))`,
  );
  expect((await client.ok(`SEARCH MODSEQ ${highest + 1}`))[0]).toBe(`* SEARCH 1 (MODSEQ ${highest + 1})`);
  expect((await client.ok(`SEARCH MODSEQ "/flags/\\\\Seen" all ${highest + 2}`))[0]).toBe('* SEARCH');
});

test('UNCHANGEDSINCE leaves alone what another changed', async () => {
  await using host = await startHost();
  for (let at = 0; at < 3; at++) await host.deliver(letter);
  const one = await logIn(host.port, 'INBOX');
  const other = await logIn(host.port, 'INBOX (CONDSTORE)');
  const before = Number(/MODSEQ \((\d+)\)/.exec((await one.ok('FETCH 3 MODSEQ'))[1] ?? '')?.[1]);
  await other.ok('STORE 2 +FLAGS (\\Flagged)');
  const stored = await one.ok(`STORE 1:3 (UNCHANGEDSINCE ${before}) +FLAGS (\\Seen)`);
  expect(stored.at(-1)).toBe('OK [MODIFIED 2] some were changed by others meanwhile');
  expect(stored.filter((line) => line.includes('\\Seen'))).toHaveLength(2);
  expect(stored.join('\n')).toContain('* 2 FETCH (UID 2 FLAGS (\\Flagged)');
  expect((await one.ok('UID STORE 1:3 (UNCHANGEDSINCE 0) FLAGS (\\Seen)')).at(-1)).toMatch(/MODIFIED 1:3/);
});

test('a client that comes back learns exactly what it missed', async () => {
  await using host = await startHost();
  for (let at = 0; at < 5; at++) await host.deliver(letter);
  const one = await logIn(host.port);
  expect(await one.run('SELECT INBOX (QRESYNC (1 1))')).toEqual(['BAD enable QRESYNC first']);
  expect(await one.ok('ENABLE QRESYNC CONDSTORE X-UNKNOWN')).toContain('* ENABLED QRESYNC CONDSTORE');
  const selected = (await one.ok('SELECT INBOX')).join('\n');
  const validity = /UIDVALIDITY (\d+)/.exec(selected)?.[1];
  const modSeq = /HIGHESTMODSEQ (\d+)/.exec(selected)?.[1];
  await one.ok('CLOSE');
  const other = await logIn(host.port, 'INBOX');
  await other.ok('STORE 2,4 +FLAGS (\\Deleted)');
  await other.ok('EXPUNGE');
  await other.ok('STORE 1 +FLAGS (\\Answered)');
  await host.deliver(letter);
  const back = await one.ok(`SELECT INBOX (QRESYNC (${validity} ${modSeq}))`);
  expect(back).toContain('* VANISHED (EARLIER) 2,4');
  expect(back.filter((line) => line.includes('FETCH'))).toEqual([
    expect.stringMatching(/^\* 1 FETCH \(UID 1 FLAGS \(\\Answered\) MODSEQ \(\d+\)\)$/),
    expect.stringMatching(/^\* 4 FETCH \(UID 6 FLAGS \(\) MODSEQ \(\d+\)\)$/),
  ]);
  const known = await one.ok(`SELECT INBOX (QRESYNC (${validity} ${modSeq} 1:2 (1:2 1:2)))`);
  expect(known).toContain('* OK [CLOSED] the previous mailbox is closed');
  expect(known).toContain('* VANISHED (EARLIER) 2');
  expect(known.filter((line) => line.includes('FETCH'))).toHaveLength(1);
  expect((await one.ok(`SELECT INBOX (QRESYNC (${Number(validity) + 1} 1))`)).join('\n')).not.toContain(
    'VANISHED',
  );
  expect((await one.ok(`UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${modSeq} VANISHED)`))[0]).toBe(
    '* VANISHED (EARLIER) 2,4',
  );
});

test('with QRESYNC, expunges are told as UIDs with the new mod-sequence', async () => {
  await using host = await startHost();
  for (let at = 0; at < 4; at++) await host.deliver(letter);
  const one = await logIn(host.port);
  await one.ok('ENABLE QRESYNC');
  await one.ok('SELECT INBOX');
  const other = await logIn(host.port, 'INBOX');
  await other.ok('STORE 1:2 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  expect(await one.ok('NOOP')).toEqual(['* VANISHED 1:2', 'OK nothing done']);
  await one.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  const expunged = await one.ok('EXPUNGE');
  expect(expunged[0]).toBe('* VANISHED 3');
  expect(expunged[1]).toMatch(/^OK \[HIGHESTMODSEQ \d+\]/);
});

test('a log that does not reach back far enough names all that is missing', async () => {
  const store = createStoreMemory({ nowMs: () => systemClock.now(), vanishedMax: 1 });
  await using host = await startHost({ store });
  for (let at = 0; at < 5; at++) await host.deliver(letter);
  const one = await logIn(host.port);
  await one.ok('ENABLE QRESYNC');
  const selected = (await one.ok('SELECT INBOX')).join('\n');
  const idle = await logIn(host.port, 'INBOX');
  const other = await logIn(host.port, 'INBOX');
  for (const uid of [1, 3, 5]) {
    await other.ok(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    await other.ok('EXPUNGE');
  }
  await one.ok('CLOSE');
  const known = `${/UIDVALIDITY (\d+)/.exec(selected)?.[1]} ${/HIGHESTMODSEQ (\d+)/.exec(selected)?.[1]}`;
  expect(await one.ok(`SELECT INBOX (QRESYNC (${known}))`)).toContain('* VANISHED (EARLIER) 1,3,5');
  expect((await idle.ok('NOOP')).filter((line) => line.endsWith('EXPUNGE'))).toEqual([
    '* 1 EXPUNGE',
    '* 2 EXPUNGE',
    '* 3 EXPUNGE',
  ]);
});
