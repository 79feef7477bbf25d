import { type FileHandle, mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { accept, bodyFromBytes, definePlugin, type SettledEvent } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { deliverMaildir } from './deliver-maildir.js';
import { deliverToMaildir, maildirFor } from './maildir.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-maildir-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const acceptAll = definePlugin({
  name: 'check-test',
  setup({ tap }) {
    tap('recipient', () => accept());
  },
});

const content = 'Subject: x\r\n\r\n.dot\r\nü\r\n';

test('puts the message unchanged into the directory of each recipient', async () => {
  const settled: SettledEvent[] = [];
  const watch = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('settled', (event) => void settled.push(event));
    },
  });
  const domains = { 'example.org': join(directory, '{domain}', '{localPart}') };
  await using server = await startTestMta({ plugins: [deliverMaildir({ domains }), watch()] });
  const recipients = ['Alice', 'bob'].map((localPart) => ({ address: { localPart, domain: 'example.org' } }));
  const reversePath = { localPart: 'carol', domain: 'example.net' };
  await server.mta.submit({ reversePath, recipients }, Buffer.from(content));
  await expect.poll(() => settled.map(({ status }) => status)).toEqual(['delivered', 'delivered']);
  for (const [name, address] of [
    ['alice', 'Alice@example.org'],
    ['bob', 'bob@example.org'],
  ] as const) {
    const maildir = join(directory, 'example.org', name);
    const [file = ''] = await readdir(join(maildir, 'new'));
    const text = await readFile(join(maildir, 'new', file), 'utf8');
    expect(text.startsWith(`Return-Path: <carol@example.net>\r\nDelivered-To: ${address}\r\n`)).toBe(true);
    expect(text.endsWith(content)).toBe(true);
    expect(await readdir(join(maildir, 'tmp'))).toEqual([]);
  }
});

test.runIf(process.platform === 'linux')('syncs what it makes, up to what was there', async () => {
  const handle = await open(directory);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const synced: string[] = [];
  const sync = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    synced.push(relative(directory, await readlink(`/proc/self/fd/${this.fd}`)));
  });
  try {
    const at = { localPart: 'bob', domain: 'example.org' };
    const body = bodyFromBytes(Buffer.from(content));
    const message = { reversePath: at, headerPrefix: '', body };
    const delivery = { directory: join(directory, 'org', 'bob'), body, recipient: at, name: 'n1' };
    const put = () =>
      deliverToMaildir({ ...delivery, message: message as never }, new AbortController().signal);
    await put();
    // The file before it has its name, and every directory that got a new entry.
    expect(new Set(synced)).toEqual(new Set(['', 'org', 'org/bob', 'org/bob/tmp/n1', 'org/bob/new']));
    expect(synced.slice(-2)).toEqual(['org/bob/tmp/n1', 'org/bob/new']);
    await rm(join(directory, 'org/bob/new/n1'));
    synced.length = 0;
    await put();
    expect(synced).toEqual(['org/bob/tmp/n1', 'org/bob/new']);
  } finally {
    sync.mockRestore();
  }
});

test('writes what came as BINARYMIME as text, once for all recipients', async () => {
  const domains = { 'example.org': join(directory, '{localPart}') };
  await using server = await startTestMta({ plugins: [deliverMaildir({ domains }), acceptAll()] });
  const reversePath = { localPart: 'carol', domain: 'example.net' };
  const recipients = ['a', 'b'].map((localPart) => ({ address: { localPart, domain: 'example.org' } }));
  const parameters = { bodyType: 'binarymime' } as const;
  const message = (encoding: string, octets: string) =>
    `MIME-Version: 1.0\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${octets}`;
  await server.mta.submit(
    { reversePath, recipients, parameters },
    Buffer.from(message('binary', 'a\0b\r\n')),
  );
  for (const name of ['a', 'b']) {
    const inbox = join(directory, name, 'new');
    const files = () => readdir(inbox).catch(() => []);
    await expect.poll(files).toHaveLength(1);
    const text = await readFile(join(inbox, (await files())[0] as string), 'latin1');
    expect(text.slice(text.indexOf('MIME'))).toBe(message('base64', btoa('a\0b\r\n')));
  }
});

test('defers when the directory can not be written', async () => {
  await writeFile(join(directory, 'file'), '');
  const domains = { 'example.org': join(directory, 'file', 'x') };
  await using server = await startTestMta({ plugins: [deliverMaildir({ domains }), acceptAll()] });
  const recipients = [{ address: { localPart: 'a', domain: 'example.org' } }];
  await server.mta.submit({ reversePath: null, recipients }, Buffer.from(content));
  await server.whenLogged('a message could not be put into a Maildir');
  await expect.poll(async () => (await server.mta.queue.count()).byState.waiting).toBe(1);
});

test.each([
  ['../../etc', '%2e%2e%2f..%2fetc'],
  ['/etc/passwd', '%2fetc%2fpasswd'],
  ['..', '%2e%2e'],
  ['.hidden', '%2ehidden'],
  ['a/b', 'a%2fb'],
  ['Bü', 'b%c3%bc'],
  ['a\u0000b', 'a%00b'],
  ['{domain}', '%7bdomain%7d'],
  ['a+tag', 'a+tag'],
])('the address %j can not lead out of the directory', (localPart, name) => {
  expect(maildirFor('/mail/{localPart}', { localPart, domain: 'example.org' })).toBe(`/mail/${name}`);
});
