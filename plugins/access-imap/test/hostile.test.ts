/** Clients that mean harm, or are cut off: bounds, refusals, and that others go on. */
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { connectClient, logIn } from './client.js';
import { brokenStoreError, startHost } from './host.js';
import { startImap } from './start-imap.js';

const letter = 'Subject: x\n\nbody\n';

test('before login, lines, literals and time are short', async () => {
  const clock = createVirtualClock();
  await using host = await startHost({ clock });
  const client = await connectClient(host.port);
  client.send(`A1 LOGIN {2000}\r\n`);
  expect(await client.read()).toBe('A1 BAD the literal is too long');
  client.send(`A2 LOGIN {2000+}\r\n${'x'.repeat(2000)} y\r\nA3 NOOP\r\n`);
  expect(await client.read()).toBe('A2 BAD the literal is too long');
  expect(await client.read()).toBe('A3 OK nothing done');
  client.send(`A4 ${'x'.repeat(9000)}\r\nA5 NOOP\r\n`);
  expect(await client.read()).toMatch(/^A4 BAD/);
  expect(await client.read()).toBe('A5 OK nothing done');
  client.send(`A5 ID ("x" "${'y'.repeat(33_000)}")\r\n`);
  expect(await client.read()).toBe('A5 BAD the command line is too long');
  client.send(`A6 ${'('.repeat(8000)}\r\n`);
  expect(await client.read()).toMatch(/^A6 BAD/);
  // Five literals, though each is short.
  client.send(`A7 LOGIN ${'{1+}\r\nx '.repeat(5)}\r\n`);
  expect(await client.read()).toMatch(/^A7 BAD/);
  await clock.advance(59_000);
  expect(await client.run('NOOP')).toEqual(['OK nothing done']);
  await clock.advance(1_000);
  expect(await client.read()).toMatch(/^\* BYE/);
  await client.closed();
});

test('a huge literal that does not wait ends the connection before login', async () => {
  await using host = await startHost();
  const client = await connectClient(host.port);
  client.send('A1 LOGIN {100000+}\r\n');
  expect(await client.read()).toMatch(/^A1 BAD/);
  expect(await client.read()).toMatch(/^\* BYE/);
  await client.closed();
});

test('an APPEND before login is no way to send megabytes', async () => {
  await using host = await startHost();
  const client = await connectClient(host.port);
  client.send('A1 APPEND INBOX {100000}\r\n');
  expect(await client.read()).toBe('A1 BAD the literal is too long');
  client.close();
});

test('wrong passwords cost time and, after a few, the connection', async () => {
  await using host = await startHost({
    config: { limits: { loginFailureDelayMs: 30, loginFailuresMax: 3 } },
  });
  const client = await connectClient(host.port);
  const begun = performance.now();
  for (let at = 0; at < 2; at++) {
    expect((await client.run('LOGIN alice wrong'))[0]).toMatch(/^NO \[AUTHENTICATIONFAILED\]/);
  }
  expect(await client.run('LOGIN alice wrong')).toEqual([
    '* BYE too many failed logins',
    'NO [AUTHENTICATIONFAILED] wrong name or password',
  ]);
  // 30, 60 and 120 ms: never less.
  expect(performance.now() - begun).toBeGreaterThan(200);
  await client.closed();
});

test('bad SASL responses hurt nobody else', async () => {
  await using host = await startHost({
    config: { limits: { loginFailureDelayMs: 0, loginFailuresMax: 20 } },
  });
  const bad = await connectClient(host.port);
  const long = 'A'.repeat(20_000);
  for (const response of ['!!!!', 'AAAA', 'AGFi=', Buffer.from('\0\0').toString('base64'), '=', '*', long]) {
    bad.send('A1 AUTHENTICATE PLAIN\r\n');
    expect(await bad.read()).toBe('+ ');
    bad.send(`${response}\r\n`);
    expect(await bad.read(), response.slice(0, 10)).toMatch(/^(?:A1|\*) (?:BAD|NO)/);
    // The same at once (RFC 4959), where `*` is no response.
    bad.send(`A2 AUTHENTICATE PLAIN ${response}\r\n`);
    expect(await bad.read(), response.slice(0, 10)).toMatch(/^(?:A2|\*) (?:BAD|NO)/);
    const good = await logIn(host.port);
    good.close();
  }
});

test('connections of one account and of one address are bounded', async () => {
  await using host = await startHost({
    config: { limits: { connectionsPerAccountMax: 2, connectionsPerAddressMax: 4 } },
  });
  const first = await logIn(host.port);
  const second = await logIn(host.port);
  const third = await connectClient(host.port);
  expect((await third.run('LOGIN alice secret'))[0]).toMatch(/^NO \[LIMIT\]/);
  await third.ok('LOGIN bob secret');
  const fourth = await connectClient(host.port);
  const fifth = await connectClient(host.port);
  expect(fifth.greeting).toMatch(/^\* BYE too many/);
  first.close();
  await expect.poll(async () => (await fourth.run('LOGIN alice secret'))[0]).toMatch(/^OK/);
  for (const client of [second, third, fourth]) client.close();
});

test('commands that are none end the connection after a while', async () => {
  await using host = await startHost({ config: { limits: { badCommandsMax: 3 } } });
  const client = await connectClient(host.port);
  client.send('\r\n\u0000\u0001\r\nA FLY\r\n');
  expect(await client.read()).toMatch(/^\* BAD/);
  expect(await client.read()).toMatch(/^\* BAD/);
  expect(await client.read()).toMatch(/^A BAD/);
  expect(await client.read()).toMatch(/^\* BYE/);
  await client.closed();
  // Nor may commands be tried for ever that are none yet.
  const early = await connectClient(host.port);
  for (let at = 0; at < 3; at++) expect((await early.run('SELECT INBOX')).at(0)).toMatch(/^BAD/);
  expect(await early.read()).toMatch(/^\* BYE/);
});

test('a client that never reads does not fill the memory', async () => {
  await using host = await startHost();
  await host.deliver(`Subject: x\n\n${'y'.repeat(1_000_000)}\n`);
  const client = await logIn(host.port, 'INBOX');
  const [served] = host.sockets;
  client.socket.pause();
  for (let at = 0; at < 500; at++) client.send(`A${at} FETCH 1 BODY.PEEK[]\r\n`);
  client.send('Z NOOP\r\n'.repeat(100_000));
  const other = await logIn(host.port, 'INBOX');
  for (let at = 0; at < 50; at++) await other.ok('FETCH 1 BODY.PEEK[TEXT]<0.1000>');
  // 500 MB were asked for, with 800 kB of commands.
  expect(served?.writableLength).toBeLessThan(5_000_000);
  expect(served?.bytesRead).toBeLessThan(400_000);
  client.close();
  other.close();
});

test('a client that is cut off in the middle of a literal leaves nothing behind', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  client.send('A1 APPEND INBOX {1000+}\r\nSubject: half');
  client.socket.end();
  await client.closed();
  const other = await logIn(host.port);
  expect((await other.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('MESSAGES 0');
  expect(host.errors).toEqual([]);
  other.close();
});

test('a store that fails makes commands fail, not the server', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  const { messages } = host.store;
  host.store.messages = () => Promise.reject(brokenStoreError());
  expect((await client.run('FETCH 1 ENVELOPE')).at(-1)).toMatch(/^NO \[SERVERBUG\]/);
  host.store.messages = messages;
  await client.ok('NOOP');
  expect(host.errors[0]).toContain('the disk is broken');
});

test('octets of every kind are stored and come back', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  const octets = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
  const message = `Subject: \u00ff\u0000\u0001\r\nX-${octets.slice(33, 58)}: y\r\n\r\n${octets.replace(/[\r\n]/g, '')}\r\n`;
  client.send(`A1 APPEND INBOX ~{${message.length}+}\r\n${message}\r\n`);
  await client.read();
  await client.read();
  expect(await client.read()).toMatch(/^A1 OK/);
  expect((await client.ok('FETCH 1 BODY.PEEK[]'))[0]).toBe(
    `* 1 FETCH (BODY[] {${message.length}}\r\n${message.replaceAll('\0', '\x80')})`,
  );
  expect((await client.ok('FETCH 1 BINARY.PEEK[]'))[0]).toBe(
    `* 1 FETCH (BINARY[] ~{${message.length}}\r\n${message})`,
  );
  for (const item of ['ENVELOPE', 'BODYSTRUCTURE', 'BODY', 'PREVIEW', 'BODY.PEEK[HEADER.FIELDS (SUBJECT)]']) {
    expect(await client.ok(`FETCH 1 ${item}`)).toHaveLength(2);
  }
  await client.ok('SEARCH TEXT z SUBJECT q BODY y FROM x SENTON 1-Jan-2000');
  await client.ok('SORT (SUBJECT FROM TO CC DATE) UTF-8 ALL');
  expect(host.errors).toEqual([]);
});

test('unusual structures, charsets and dates are served', async () => {
  await using host = await startHost();
  const many = `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(10_000)}--b--\n`;
  const deep = `${Array.from({ length: 300 }, (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\n\n--b${at}\n`).join('')}\nx\n`;
  const odd =
    'Subject: =?x-none?q?a?= =?utf-8?b?////?=\nDate: 31 Feb 2100 99:99\nContent-Type: text/plain; charset=x-none\n\ntext\n';
  for (const text of [many, deep, odd, '', '\n', 'no header', 'Subject: no end']) await host.deliver(text);
  const client = await logIn(host.port, 'INBOX');
  const fetched = await client.ok(
    'FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[TEXT] PREVIEW RFC822.SIZE)',
  );
  expect(fetched).toHaveLength(8);
  expect((await client.ok('SEARCH BODY text'))[0]).toBe('* SEARCH 3');
  expect((await client.ok('SEARCH SENTSINCE 1-Jan-2101'))[0]).toBe('* SEARCH');
  await client.ok('THREAD REFERENCES UTF-8 ALL');
  expect(host.errors).toEqual([]);
});

test('a mailbox does not collect keywords without end', async () => {
  await using host = await startHost();
  for (let at = 0; at < 10; at++) await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  for (let at = 0; at < 10; at++) {
    const keywords = Array.from({ length: 100 }, (_, index) => `k${at}-${index}`).join(' ');
    await client.ok(`STORE ${at + 1} +FLAGS.SILENT (${keywords})`);
  }
  expect((await client.run('STORE 1 +FLAGS (one-more)')).at(-1)).toMatch(/^NO \[LIMIT\]/);
  await client.ok('STORE 1 +FLAGS (\\Seen k0-0)');
  client.close();
});

test('a handshake that fails ends one connection, and is no error of the server', async () => {
  await using imap = await startImap();
  const client = await connectClient(imap.port);
  client.send('A1 STARTTLS\r\n');
  expect(await client.read()).toMatch(/^A1 OK/);
  client.send('this is no handshake\r\n');
  await client.closed();
  const other = await connectClient(imap.port);
  await other.ok('NOOP');
  other.close();
  expect(imap.mta.logged.filter((line) => line.level === 'error')).toEqual([]);
});

test('mailbox names can not leave the account', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  for (const name of [
    '"../bob/INBOX"',
    '"a//b"',
    '"/"',
    '"a/../b"',
    '"."',
    '""',
    '"a\u0007b"',
    '"&AAAAAA-"',
    '"&AC8-"',
  ]) {
    expect((await client.run(`CREATE ${name}`)).at(-1), name).toMatch(/^(?:NO|BAD)/);
  }
  client.send('A1 CREATE {3+}\r\na\0b\r\n');
  expect(await client.read()).toMatch(/^A1 BAD/);
  const bob = await logIn(host.port, 'INBOX', 'bob');
  await host.deliver(letter);
  expect(await bob.ok('NOOP')).toEqual(['OK nothing done']);
  expect((await bob.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('MESSAGES 0');
});

test('what is sent before TLS does not survive STARTTLS', async () => {
  await using imap = await startImap();
  const client = await connectClient(imap.port);
  expect(client.greeting).toMatch(/STARTTLS.*LOGINDISABLED/);
  expect((await client.run('LOGIN alice@example.org "wonder land"'))[0]).toMatch(/^NO \[PRIVACYREQUIRED\]/);
  client.send('A1 STARTTLS\r\nA2 NOOP\r\nA3 LOGIN alice@example.org "wonder land"\r\n');
  expect(await client.read()).toMatch(/^A1 OK/);
  client.socket.removeAllListeners('data');
  const secured: TLSSocket = connectTls({ socket: client.socket, rejectUnauthorized: false });
  await once(secured, 'secureConnect');
  let read = '';
  secured.setEncoding('latin1').on('data', (text: unknown) => {
    read += String(text);
  });
  secured.write('B1 STARTTLS\r\nB2 CAPABILITY\r\nB3 LOGIN alice@example.org "wonder land"\r\nB4 LOGOUT\r\n');
  await expect.poll(() => read).toContain('B4 OK');
  expect(read).not.toMatch(/^A[23]/m);
  expect(read).toMatch(/^B1 BAD/m);
  expect(read).toMatch(/^\* CAPABILITY (?!.*STARTTLS).*AUTH=PLAIN/m);
  expect(read).toMatch(/^B3 OK/m);
});

test('a session that idles is told when the server drains', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  client.send('A1 IDLE\r\n');
  await client.read();
  host.drain();
  expect(await client.read()).toBe('* BYE the server is going down');
  await client.closed();
});
