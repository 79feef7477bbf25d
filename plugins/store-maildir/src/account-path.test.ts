import { expect, test } from 'vitest';
import { accountPath } from './account-path.js';
import { directoryOf, mailboxOf } from './folder-name.js';

test.each([
  ['../../etc', '/m/%2e.%2f..%2fetc'],
  ['..', '/m/%2e.'],
  ['Bob', '/m/%42ob'],
  ['bob', '/m/bob'],
  ['', '/m/%'],
  ['%', '/m/%25'],
  ['a\0b', '/m/a%00b'],
  ['{domain}', '/m/%7bdomain%7d'],
  ['a@b.c', '/m/a@b.c'],
])('the account %j has a place of its own below the directory', (accountId, path) => {
  expect(accountPath('/m', '{account}', accountId)).toBe(path);
});

test('long ids become digests, and templates have the parts of an id', () => {
  const long = accountPath('/m', '{account}', 'x'.repeat(1_000));
  expect(long).toMatch(/^\/m\/%%[0-9a-f]{64}$/);
  expect(long).not.toBe(accountPath('/m', '{account}', 'x'.repeat(1_001)));
  expect(accountPath('/m', '{domain}/{localPart}/Maildir', 'a/b@c@example.org')).toBe(
    '/m/example.org/a%2fb@c/Maildir',
  );
});

test.each([
  ['INBOX', ''],
  ['Work', '.Work'],
  ['a/b', '.a.b'],
  ['INBOX/x', '.INBOX.x'],
  ['a.b', '.a\\2eb'],
  ['...', '.\\2e\\2e\\2e'],
  ['a\\b', '.a\\5cb'],
  ['\\2e', '.\\5c2e'],
  ['Größe', '.Gr&APYA3w-e'],
  ['&', '.&-'],
  ['日本語', '.&ZeVnLIqe-'],
])('the mailbox %j is the directory %j', (name, directory) => {
  expect(directoryOf(name)).toBe(directory);
  if (directory !== '') expect(mailboxOf(directory)).toBe(name);
});

test.each([
  'cur',
  '..',
  '.',
  '.a..b',
  '.a.',
  '..DOVECOT-TRASHED',
  '.INBOX',
  '.inbox',
  '.&AGE-',
  '.&',
  '.a\\b',
  '.a\0b',
  '.\xe4',
])('the directory %j is no mailbox', (directory) => {
  expect(mailboxOf(directory)).toBeUndefined();
});

test('a name that is too long for a directory is refused', () => {
  expect(() => directoryOf('日x'.repeat(80))).toThrow('a mailbox can not have that name');
});
