/** What has hit IMAP servers before, each as one test: structures that grow, patterns that backtrack, nesting before login. */
import { expect, test } from 'vitest';
import { connectClient, logIn } from './client.js';
import { startHost } from './host.js';

test('brackets before login cost nothing and open nothing', async () => {
  await using host = await startHost();
  const client = await connectClient(host.port);
  expect((await client.run(`ID ${'('.repeat(4_000)}`)).at(-1)).toMatch(/^BAD/);
  expect((await client.run(`SEARCH ${'('.repeat(4_000)}`)).at(-1)).toMatch(/^BAD/);
  expect((await client.run(`FETCH 1 ${'(BODY[HEADER.FIELDS ('.repeat(200)}`)).at(-1)).toMatch(/^BAD/);
  await client.ok('LOGIN alice secret');
});

test('search keys nest only so deep, and are only so many', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  expect((await client.run(`SEARCH ${'NOT '.repeat(2_000)}SEEN`)).at(-1)).toMatch(/^BAD/);
  expect((await client.run(`SEARCH ${'('.repeat(500)}SEEN${')'.repeat(500)}`)).at(-1)).toMatch(/^BAD/);
  expect((await client.run(`SEARCH ${'FUZZY '.repeat(500)}SUBJECT x`)).at(-1)).toMatch(/^BAD/);
  expect((await client.run(`SEARCH ${'SEEN '.repeat(5_000)}SEEN`)).at(-1)).toMatch(/^BAD/);
  await client.ok('NOOP');
});

test('patterns of LIST are matched without going back', { timeout: 60_000 }, async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  await client.ok(`CREATE ${'a'.repeat(200)}`);
  for (const pattern of [`${'*a'.repeat(300)}b`, `${'%'.repeat(500)}b`, `${'a*'.repeat(200)}%b`]) {
    expect((await client.run(`LIST "" ${pattern}`)).at(-1)).toMatch(/^(?:OK|BAD)/);
  }
});

test('a message with ten thousand parts is served', { timeout: 60_000 }, async () => {
  await using host = await startHost();
  const parts = Array.from({ length: 10_000 }, (_, at) => `--b\n\npart ${at}\n`).join('');
  await host.deliver(`Content-Type: multipart/mixed; boundary=b\n\n${parts}--b--\n`);
  const client = await logIn(host.port, 'INBOX');
  expect((await client.ok('FETCH 1 BODYSTRUCTURE'))[0]).toMatch(/^\* 1 FETCH \(BODYSTRUCTURE \(/);
  expect((await client.ok('FETCH 1 BODY.PEEK[7]'))[0]).toContain('part 6');
  expect((await client.ok('SEARCH BODY "part 1"'))[0]).toBe('* SEARCH 1');
});

test('a message nested ten thousand deep is served', async () => {
  await using host = await startHost();
  await host.deliver(`${'Content-Type: message/rfc822\n\n'.repeat(10_000)}Subject: deep\n\nx\n`);
  let open = '';
  for (let at = 0; at < 2_000; at++) open += `Content-Type: multipart/mixed; boundary=b${at}\n\n--b${at}\n`;
  await host.deliver(`${open}\nx\n`);
  const client = await logIn(host.port, 'INBOX');
  for (const number of [1, 2]) {
    expect((await client.ok(`FETCH ${number} (ENVELOPE BODY BODYSTRUCTURE)`))[0]).toMatch(/^\* \d FETCH/);
  }
});

test('headers of endless addresses, parameters and lines are served', { timeout: 60_000 }, async () => {
  await using host = await startHost();
  const addresses = Array.from({ length: 4_000 }, (_, at) => `"a, b" <u${at}@example.org>`).join(',\n ');
  const parameters = Array.from({ length: 2_000 }, (_, at) => `name*${at}*=%41`).join(';\n ');
  await host.deliver(`To: ${addresses}\nContent-Type: text/plain;\n ${parameters}\n\nx\n`);
  await host.deliver(
    `Subject: ${'='.repeat(20_000)}?utf-8?q?${'=?'.repeat(10_000)}\nFrom: ${'('.repeat(20_000)}\n\nx\n`,
  );
  const client = await logIn(host.port, 'INBOX');
  for (const number of [1, 2]) {
    expect((await client.ok(`FETCH ${number} (ENVELOPE BODYSTRUCTURE)`))[0]).toMatch(/^\* \d FETCH/);
    await client.ok(`SEARCH TEXT "nothing of the kind"`);
    await client.ok(`SORT (DISPLAYFROM SUBJECT) UTF-8 FUZZY TEXT "nothing"`);
    await client.ok('THREAD REFERENCES UTF-8 ALL');
  }
});
