/** What Dovecot's imaptest found, each as one test. */
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

test('signs between the letters sort behind them', async () => {
  await using host = await startHost();
  for (const subject of ['_', '[x', 'b', 'A']) await host.deliver(`Subject: ${subject}\n\nx\n`);
  const client = await logIn(host.port, 'INBOX');
  expect((await client.ok('SORT (SUBJECT) US-ASCII ALL'))[0]).toBe('* SORT 4 3 2 1');
});

test('comments around the at sign do not belong to the address', async () => {
  await using host = await startHost();
  await host.deliver('From: <a (one)@ (two) example.org>\n\nx\n');
  await host.deliver('From: a (one)@ (two) example.org (Name)\n\nx\n');
  const client = await logIn(host.port, 'INBOX');
  expect((await client.ok('SEARCH FROM a@example.org'))[0]).toBe('* SEARCH 1 2');
  expect((await client.ok('FETCH 2 ENVELOPE'))[0]).toContain('(("Name" NIL "a" "example.org"))');
});

test('a literal8 keeps its line ends', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  const binary = '\0-\xe4\n\r\n\n';
  const message = `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n${binary}`;
  await client.ok(`APPEND INBOX ~{${message.length}+}\r\n${message}`);
  await client.ok('NOOP');
  expect((await client.ok('FETCH 1 BINARY.SIZE[1]'))[0]).toBe(`* 1 FETCH (BINARY.SIZE[1] ${binary.length})`);
  expect((await client.ok('FETCH 1 BINARY.PEEK[1]'))[0]).toContain(`~{${binary.length}}\r\n${binary})`);
});
