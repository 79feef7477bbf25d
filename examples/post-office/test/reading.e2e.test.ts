/** Clients that no one here wrote read: what they get is, below the added header fields, octet for octet what was sent. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Pop3Command from 'node-pop3';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addedFields, withLf } from '../../testing/octets.js';
import { poll } from '../../testing/poll.js';
import { missingPrograms, runToolWell, titleWith } from '../../testing/run-tool.js';
import { sampleMessage } from '../../testing/sample-message.js';
import {
  alice,
  bob,
  messagesOf,
  type OpenPostOffice,
  openImap,
  openPostOffice,
  type PortName,
} from './open-post-office.js';

let office: OpenPostOffice;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clients-'));
  office = await openPostOffice();
});

afterAll(async () => {
  await office?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const host = '127.0.0.1';
const at = (name: PortName) => `${host}:${office.ports[name]}`;

/** A file that only its owner may read, as clients ask of what holds a password. */
async function ownFile(name: string, lines: readonly string[]): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  await chmod(path, 0o600);
  return path;
}

/** A folder of its own for one client. */
async function ownFolder(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path);
  return path;
}

/** The trace of a submitted message that lacked nothing. */
const trace = ['Return-Path', 'Received'];

let sent: Buffer;
/** Reading clients have an account that holds this one message. */
beforeAll(async () => {
  sent = await sampleMessage('to alice', { from: bob.login, to: alice.login });
  const transport = createTransport({
    host,
    port: office.ports.submission,
    auth: { user: bob.login, pass: bob.password },
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ envelope: { from: bob.login, to: alice.login }, raw: sent });
  const client = await openImap(office.ports.imap, alice);
  await poll('the message is in the inbox', async () => (await messagesOf(client)).length === 1);
  await client.logout();
});

const curl = missingPrograms('curl');
it.skipIf(curl.length > 0)(titleWith('with curl over IMAP, in the clear and with TLS', curl), async () => {
  const user = ['-sS', '--insecure', '--user', `${alice.login}:${alice.password}`];
  const url = (scheme: string, name: PortName) => `${scheme}://${at(name)}/INBOX;MAILINDEX=1`;
  for (const args of [[url('imap', 'imap')], [url('imap', 'imap'), '--ssl-reqd'], [url('imaps', 'imaps')]])
    expect(addedFields(await runToolWell('curl', [...user, ...args]), sent)).toEqual(trace);
});

it.skipIf(curl.length > 0)(titleWith('with curl over POP3, in the clear and with TLS', curl), async () => {
  const user = ['-sS', '--insecure', '--user', `${alice.login}:${alice.password}`];
  const url = (scheme: string, name: PortName) => `${scheme}://${at(name)}/1`;
  for (const args of [[url('pop3', 'pop3')], [url('pop3', 'pop3'), '--ssl-reqd'], [url('pop3s', 'pop3s')]])
    expect(addedFields(await runToolWell('curl', [...user, ...args]), sent)).toEqual(trace);
});

it('with imapflow', async () => {
  const client = await openImap(office.ports.imap, alice);
  const [message = Buffer.alloc(0)] = await messagesOf(client);
  expect(addedFields(message, sent)).toEqual(trace);
  const lock = await client.getMailboxLock('INBOX');
  const { content } = await client.download('1', '2');
  const chunks: Buffer[] = [];
  for await (const chunk of content ?? []) chunks.push(chunk as Buffer);
  lock.release();
  const encoded = sent.toString().split('filename=horses.bin\r\n')[1]?.split('\r\n--')[0] ?? '';
  expect(Buffer.compare(Buffer.concat(chunks), Buffer.from(encoded, 'base64'))).toBe(0);
  await client.logout();
});

it('with node-pop3', async () => {
  const { login: user, password } = alice;
  const client = new Pop3Command({ user, password, host, port: office.ports.pop3 });
  expect(await client.UIDL()).toHaveLength(1);
  // It hands out the lines as they came: dots stuffed (RFC 1939 section 3), the last line end cut off.
  const lines = await client.RETR(1);
  await client.QUIT();
  expect(addedFields(Buffer.from(`${lines.replace(/^\./gm, '')}\r\n`), sent)).toEqual(trace);
});

const mbsync = missingPrograms('mbsync');
it.skipIf(mbsync.length > 0)(titleWith('with mbsync, both ways', mbsync), async () => {
  const home = await ownFolder('mbsync');
  const settings = await ownFile('mbsyncrc', [
    'IMAPStore office',
    `Host ${host}`,
    `Port ${office.ports.imap}`,
    `User ${alice.login}`,
    `Pass ${alice.password}`,
    'SSLType None',
    'AuthMechs LOGIN',
    '',
    'MaildirStore here',
    `Path ${home}/`,
    `Inbox ${home}/INBOX`,
    'SubFolders Verbatim',
    '',
    'Channel mail',
    'Far :office:',
    'Near :here:',
    'Patterns INBOX',
    'Create Both',
    `SyncState ${home}/`,
  ]);
  await runToolWell('mbsync', ['-c', settings, 'mail']);
  const found = await onlyFileIn(join(home, 'INBOX', 'new'), join(home, 'INBOX', 'cur'));
  // It marks its copy with a field at the end of the header.
  const unmarked = Buffer.from(found.toString('latin1').replace(/^X-TUID: .*\n/m, ''), 'latin1');
  expect(addedFields(unmarked, withLf(sent))).toEqual(trace);
});

const offlineimap = missingPrograms('offlineimap');
it.skipIf(offlineimap.length > 0)(titleWith('with offlineimap', offlineimap), async () => {
  const home = await ownFolder('offlineimap');
  const settings = await ownFile('offlineimaprc', [
    '[general]',
    'accounts = office',
    `metadata = ${home}/metadata`,
    '[Account office]',
    'localrepository = here',
    'remoterepository = there',
    '[Repository here]',
    'type = Maildir',
    `localfolders = ${home}/mail`,
    '[Repository there]',
    'type = IMAP',
    `remotehost = ${host}`,
    `remoteport = ${office.ports.imap}`,
    `remoteuser = ${alice.login}`,
    `remotepass = ${alice.password}`,
    'ssl = no',
    'starttls = no',
    'auth_mechanisms = PLAIN, LOGIN',
    "folderfilter = lambda name: name == 'INBOX'",
  ]);
  await runToolWell('offlineimap', ['-o', '-u', 'basic', '-c', settings], { environment: { HOME: home } });
  const found = await onlyFileIn(join(home, 'mail', 'INBOX', 'new'), join(home, 'mail', 'INBOX', 'cur'));
  expect(addedFields(found, withLf(sent))).toEqual(trace);
});

const mutt = missingPrograms('mutt', 'script');
it.skipIf(mutt.length > 0)(titleWith('with mutt, which pipes it to a command', mutt), async () => {
  const home = await ownFolder('mutt');
  const out = join(home, 'out');
  const settings = await ownFile('muttrc', [
    `set folder=${home} imap_user="${alice.login}" imap_pass="${alice.password}" ssl_starttls=no ssl_force_tls=no`,
    'set pipe_decode=no wait_key=no quit=yes',
    `push "<pipe-message>cat > ${out}<enter><exit>"`,
  ]);
  // mutt wants a terminal; script gives it one.
  const command = `mutt -n -F ${settings} -f imap://${at('imap')}/INBOX`;
  const environment = { HOME: home, TERM: 'xterm' };
  await runToolWell('script', ['-qec', command, '/dev/null'], { environment });
  expect(addedFields(await readFile(out), withLf(sent))).toEqual(trace);
});

const fetchmail = missingPrograms('fetchmail');
it.skipIf(fetchmail.length > 0)(titleWith('with fetchmail over POP3', fetchmail), async () => {
  const home = await ownFolder('fetchmail');
  const out = join(home, 'out');
  const settings = await ownFile('fetchmailrc', [
    `poll ${host} service ${office.ports.pop3} protocol POP3 auth password`,
    `user "${alice.login}" password "${alice.password}" keep fetchall no rewrite sslproto ""`,
    `mda "cat > ${out}"`,
  ]);
  const args = ['-f', settings, '--invisible', '--idfile', join(home, 'ids'), '--pidfile', join(home, 'pid')];
  await runToolWell('fetchmail', args, { environment: { HOME: home } });
  expect(addedFields(await readFile(out), withLf(sent))).toEqual(trace);
});

const getmail = missingPrograms('getmail');
it.skipIf(getmail.length > 0)(titleWith('with getmail over POP3', getmail), async () => {
  const home = await ownFolder('getmail');
  const out = join(home, 'out');
  await writeFile(
    join(home, 'getmailrc'),
    [
      '[retriever]',
      'type = SimplePOP3Retriever',
      `server = ${host}`,
      `port = ${office.ports.pop3}`,
      `username = ${alice.login}`,
      `password = ${alice.password}`,
      '[destination]',
      'type = MDA_external',
      'path = /bin/sh',
      `arguments = ("-c", "cat > ${out}")`,
      'allow_root_commands = true',
      '[options]',
      'delivered_to = false',
      'received = false',
      'delete = false',
      '',
    ].join('\n'),
  );
  const environment = { HOME: home };
  await runToolWell('getmail', ['--getmaildir', home, '--rcfile', 'getmailrc'], { environment });
  expect(addedFields(await readFile(out), withLf(sent))).toEqual(trace);
});

async function onlyFileIn(...folders: readonly string[]): Promise<Buffer> {
  const files: string[] = [];
  for (const folder of folders) files.push(...(await readdir(folder)).map((name) => join(folder, name)));
  expect(files).toHaveLength(1);
  return readFile(files[0] ?? '');
}

/** Sends all of it behind the greeting; resolves with what comes until the server closes. */
async function converse(name: PortName, octets: string): Promise<string> {
  const socket = connect({ host, port: office.ports[name] });
  let said = '';
  socket.setEncoding('latin1');
  socket.once('data', () => socket.write(octets, 'latin1'));
  for await (const text of socket) said += text;
  return said;
}

it('what comes as BINARYMIME (RFC 3030) is text over IMAP and POP3, and comes back by BINARY', async () => {
  const octets = 'a\0\xffb\nc\rd.\r\n.\r\n';
  const message =
    'Subject: binary\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n' +
    `--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n${octets}\r\n--b--\r\n`;
  const envelope = `MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<${bob.login}>\r\n`;
  const session = `EHLO client.test\r\n${envelope}BDAT ${message.length} LAST\r\n${message}QUIT\r\n`;
  expect(await converse('smtp', session)).toMatch(/\r\n250 2\.\d\.\d [^\r]*\r\n221 /);
  const client = await openImap(office.ports.imap, bob);
  await poll('the message is in the inbox', async () => (await messagesOf(client)).length === 1);
  await client.logout();
  const encoded = message
    .replace(octets, Buffer.from(octets, 'latin1').toString('base64'))
    .replace('binary\r\n\r\n', 'base64\r\n\r\n');
  const imap = await converse(
    'imap',
    `a LOGIN ${bob.login} ${bob.password}\r\nb SELECT INBOX\r\nc FETCH 1 (BODY.PEEK[] BODYSTRUCTURE)\r\nd FETCH 1 BINARY.PEEK[2]\r\ne LOGOUT\r\n`,
  );
  expect(imap).toContain(`BINARY[2] ~{${octets.length}}\r\n${octets})\r\nd OK`);
  expect(imap.replace(octets, '')).not.toContain('\0');
  expect(imap).toContain(encoded);
  expect(imap).toContain('"IMAGE" "PNG" NIL NIL NIL "BASE64"');
  const pop3 = await converse('pop3', `USER ${bob.login}\r\nPASS ${bob.password}\r\nRETR 1\r\nQUIT\r\n`);
  expect(pop3).toContain(`${encoded}.\r\n+OK`);
});
