import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ArcResult,
  accept,
  bodyFromBytes,
  definePlugin,
  type MessageAuthentication,
  messageAuthentication,
  readBody,
  renderHeaderPrefix,
} from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { authenticate } from 'mailauth';
import { expect, test } from 'vitest';
import { config } from '../src/options.js';
import { sealMessage } from '../src/seal-message.js';
import { signArc } from '../src/sign-arc.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
const options = config.parse({ domain: 'example.org', selector: 'arc', keyFile: '-' });

/** What mailauth says of the chain. */
async function verify(content: string): Promise<string> {
  const resolver = async (name: string, type: string) => {
    if (type === 'TXT' && name === 'arc._domainkey.example.org') return [[record]];
    throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
  };
  const { arc } = await authenticate(Buffer.from(content, 'latin1'), {
    resolver: resolver as never,
    disableDmarc: true,
    disableBimi: true,
    mta: 'next.test',
  });
  return arc === false ? 'none' : `${arc.status.result}${arc.status.result === 'pass' ? ` ${arc.i}` : ''}`;
}

const found = (arc?: ArcResult): MessageAuthentication => ({
  dkim: [],
  results: [
    {
      method: 'spf',
      result: 'pass',
      comment: 'a (strange) comment; with=all',
      properties: { 'smtp.mailfrom': 'a@example.com' },
    },
    { method: 'dmarc', result: 'pass', properties: { 'header.from': 'example.com' } },
  ],
  ...(arc === undefined ? {} : { arc }),
});
const chain = (result: ArcResult['result'], more: Partial<ArcResult> = {}): ArcResult => ({
  result,
  sealers: [],
  isTrusted: false,
  ...more,
});

async function seal(content: string, arc?: ArcResult): Promise<string | undefined> {
  const body = bodyFromBytes(Buffer.from(content, 'latin1'));
  const prefix = [{ name: 'Received', value: 'by mx.test;\r\n\ttoday' }];
  const set = await sealMessage(
    { hostname: 'mx.test', prefix, body, authentication: found(arc), key: privateKey, nowMs: Date.now() },
    options,
  );
  return set === undefined ? undefined : `${renderHeaderPrefix([...set, ...prefix])}${content}`;
}

const message = 'From: a@example.com\r\nSubject:  hi \r\n there\r\n\r\nhello \r\n\r\n\r\n';

test('each hop adds a set that verifies with all before it', async () => {
  const one = (await seal(message)) ?? '';
  expect(await verify(one)).toBe('pass 1');
  const two = (await seal(one, chain('pass'))) ?? '';
  const three = (await seal(two, chain('pass'))) ?? '';
  expect(await verify(three)).toBe('pass 3');
  expect(await verify(three.replace('hello', 'hallo'))).toBe('fail');
  expect(await verify(three.replace('dmarc=pass', 'dmarc=fail'))).toBe('fail');
});

test('a chain that fails is sealed once as failed, and not again', async () => {
  const broken = ((await seal(message)) ?? '').replace('hello', 'hallo');
  const sealed = (await seal(broken, chain('fail'))) ?? '';
  expect(sealed).toMatch(/^ARC-Seal: i=2;.*\bcv=fail;/);
  expect(await verify(sealed)).toBe('fail');
  expect(await seal(sealed, chain('fail'))).toBeUndefined();
});

test('what is not known for now, and a full chain, are left alone', async () => {
  const one = (await seal(message)) ?? '';
  expect(await seal(one, chain('fail', { isTemporary: true }))).toBeUndefined();
  expect(await seal(one)).toBeUndefined();
  expect(await seal(one.replaceAll('i=1;', 'i=50;'), chain('fail'))).toBeUndefined();
});

test('seals in a server what was checked, over what others put in front', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sign-arc-'));
  const keyFile = join(directory, 'arc.pem');
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const sent: string[] = [];
  const others = definePlugin({
    name: 'check-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('inspect', (checked) => {
        if (checked.body.header.get('x-test') === undefined) checked.set(messageAuthentication, found());
        return undefined;
      });
      tap('header', (_message, _findings, prefix) => [
        { name: 'List-Id', value: '<a.example.org>' },
        ...prefix,
      ]);
      tap('enqueued', async ({ headerPrefix, body }) => {
        sent.push(headerPrefix + (await readBody(body, 100_000)).toString('latin1'));
      });
    },
  });
  const server = await startTestMta({
    plugins: [signArc({ domain: 'example.org', selector: 'arc', keyFile }), others()],
  });
  const recipients = ['b@example.net'];
  await server.mta.submit({ reversePath: null, recipients }, message);
  await expect.poll(() => sent.length).toBe(1);
  expect(await verify(sent[0] ?? '')).toBe('pass 1');
  expect(await verify((sent[0] ?? '').replace('<a.example.org>', '<b.example.org>'))).toBe('fail');
  await server.mta.submit({ reversePath: null, recipients }, `X-Test: unchecked\r\n${message}`);
  await expect.poll(() => sent.length).toBe(2);
  expect(sent[1]).not.toContain('ARC-Seal');
  await server.stop();
  await writeFile(
    keyFile,
    generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  await expect(
    startTestMta({ plugins: [signArc({ domain: 'example.org', selector: 'arc', keyFile })] }),
  ).rejects.toThrow('can not seal');
  await rm(directory, { recursive: true });
});
