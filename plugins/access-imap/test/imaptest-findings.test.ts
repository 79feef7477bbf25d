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

test('a literal8 keeps its line ends, and its NUL is sent by BINARY only', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  const binary = '\0-\xe4\n\r\n\n';
  const message = `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n${binary}`;
  await client.ok(`APPEND INBOX ~{${message.length}+}\r\n${message}`);
  await client.ok('NOOP');
  expect((await client.ok('FETCH 1 BINARY.SIZE[1]'))[0]).toBe(`* 1 FETCH (BINARY.SIZE[1] ${binary.length})`);
  const sent = (await client.ok('FETCH 1 BODY.PEEK[]'))[0];
  expect(sent).toMatch(/Content-Transfer-Encoding: base64\r\n/);
  expect(sent).toContain(`\r\n\r\n${Buffer.from(binary, 'latin1').toString('base64')})`);
  const whole = 'A: b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n';
  await client.ok(`APPEND INBOX CATENATE (TEXT {${whole.length}+}\r\n${whole} TEXT ~{3+}\r\na\0b)`);
  expect((await client.ok('FETCH 2 (BODY.PEEK[TEXT] BINARY.PEEK[1])')).join()).toMatch(
    /YQBi\b.*~\{3\}\r\na\0b\)/s,
  );
  expect((await client.ok('FETCH 1 BINARY.PEEK[1]'))[0]).toContain(`~{${binary.length}}\r\n${binary})`);
});
