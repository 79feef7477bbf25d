/** MULTIAPPEND (RFC 3502) with a store that files several messages in one commit. */
import { createStoreMemory, type MailboxStore } from '@postroad/core';
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';
import { systemClock } from './system-clock.js';

type FileAll = NonNullable<MailboxStore['fileAll']>;

/** A store that notes what it is given at once, and answers as it is told. */
function storeWith(answer: Awaited<ReturnType<FileAll>>) {
  const store = createStoreMemory({ nowMs: () => systemClock.now() });
  const given: (readonly string[])[] = [];
  const fileAll: FileAll = async (_place, messages) => {
    given.push(messages.map(({ message, flags }) => `${message.body.sizeBytes} ${flags.join(' ')}`));
    return answer;
  };
  return { store: Object.assign(store, { fileAll }), given };
}

const two = 'APPEND INBOX (\\Seen) {3+}\r\na\r\n (x y) {4+}\r\nbb\r\n';

test('gives the store all messages at once', async () => {
  const one = { status: 'filed', mailboxId: 'F1', uidValidity: 1 } as const;
  const { store, given } = storeWith([
    { ...one, uid: 7 },
    { ...one, uid: 9 },
  ]);
  await using host = await startHost({ store });
  const client = await logIn(host.port);
  expect((await client.ok(two)).at(-1)).toMatch(/^OK \[APPENDUID \d+ 7,9\] appended$/);
  expect(given).toEqual([['3 \\Seen', '4 x y']]);
  await client.ok('APPEND INBOX {3+}\r\na\r\n');
  expect(given).toHaveLength(1);
});

test.each([
  ['quota', 'NO [OVERQUOTA]'],
  ['missing', 'NO [TRYCREATE]'],
] as const)('tells %s, and nothing is filed', async (status, answer) => {
  await using host = await startHost({ store: storeWith(status).store });
  const client = await logIn(host.port);
  expect((await client.run(two)).at(-1)).toContain(answer);
  expect((await client.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('(MESSAGES 0)');
});

test('files one after another where the store can not', async () => {
  await using host = await startHost({ store: storeWith(undefined).store });
  const client = await logIn(host.port);
  expect((await client.ok(two)).at(-1)).toMatch(/^OK \[APPENDUID \d+ 1:2\]/);
  expect((await client.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('(MESSAGES 2)');
  // And takes the first ones back where a later one can't be filed.
  const { file } = host.store;
  let filed = 0;
  Object.assign(host.store, {
    file: (...given: Parameters<typeof file>) =>
      ++filed % 2 === 0 ? Promise.resolve([{ status: 'quota' }]) : file.apply(host.store, given),
  });
  expect((await client.run(two)).at(-1)).toMatch(/^NO \[OVERQUOTA\]/);
  expect((await client.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('(MESSAGES 2)');
});
