/** A real opendkim over a unix socket: it signs what we hand in, and strips a forged result from what comes in. */
import { createHash, createVerify, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { adaptMilter } from '@postroad/adapt-milter';
import { accept, definePlugin, readBody } from '@postroad/core';
import {
  missingProgram,
  type Program,
  sendMessage,
  startProgram,
  startTestMta,
  temporaryDirectory,
} from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** opendkim reads nothing that lies below a folder which others can write to, such as the one for temporary files. */
const place = [homedir(), process.cwd()].find(isOnlyOurs);
const missing =
  place === undefined
    ? 'skipped: neither the home nor this folder is safe from other users'
    : missingProgram('/usr/sbin/opendkim', 'opendkim');

let program: Program;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let socketPath: string;
let key: KeyObject;

beforeAll(async () => {
  if (missing !== undefined) return;
  directory = await temporaryDirectory(place);
  const at = (name: string) => join(directory.path, name);
  socketPath = at('opendkim.sock');
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  key = publicKey;
  await writeFile(at('key.pem'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await writeFile(
    at('opendkim.conf'),
    `Mode s\nSyslog no\nCanonicalization relaxed/simple\nDomain example.net\nSelector test\nKeyFile ${at('key.pem')}
InternalHosts 127.0.0.1\nExternalIgnoreList 127.0.0.1\nSocket local:${socketPath}\nBackground no\nAutoRestart no\nUMask 000\nOversignHeaders From
`,
  );
  program = await startProgram({
    command: '/usr/sbin/opendkim',
    args: ['-f', '-x', at('opendkim.conf')],
    isReady: () => isOpen(socketPath),
  });
}, 90_000);
afterAll(async () => {
  await program?.stop();
  await directory?.[Symbol.asyncDispose]();
});

function isOnlyOurs(path: string): boolean {
  if (!existsSync(path) || (statSync(path).mode & 0o022) !== 0) return false;
  return dirname(path) === path || isOnlyOurs(dirname(path));
}

function isOpen(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe.skipIf(missing !== undefined)(`opendkim (${missing ?? 'here'})`, () => {
  it('signs', async () => {
    let queued = '';
    const watch = definePlugin({
      name: 'test-watch',
      setup({ tap }) {
        tap('recipient', () => accept());
        tap('header', async (message) => {
          // The first: a report that nobody could be reached may follow.
          queued ||= (await readBody(message.body, 100_000)).toString();
          return undefined;
        });
      },
    });
    const plugin = adaptMilter({
      milters: [{ name: 'opendkim', servers: [`unix:${socketPath}`] }],
      lookUpName: false,
    });
    await using server = await startTestMta({ plugins: [plugin, watch()] });
    const content =
      'From: alice@example.net\r\nTo: bob@example.org\r\nSubject: to be signed\r\nDate: Sat, 28 Nov 2026 11:00:00 +0000\r\n\r\nthe body\r\n';
    const { outcome } = await sendMessage({ port: server.port('relay'), content });
    expect(outcome).toMatch(/^250 /);
    expect(queued).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed\/simple; d=example\.net; s=test;/);
    expect(queued.endsWith(content)).toBe(true);
    expect(isSigned(queued)).toBe(true);
    expect(isSigned(queued.replace('the body', 'another'))).toBe(false);
    expect(isSigned(queued.replace('to be signed', 'changed'))).toBe(false);
  });
});

/** Whether the first DKIM-Signature holds (relaxed header, simple body). */
function isSigned(message: string): boolean {
  const end = message.indexOf('\r\n\r\n');
  const fields = message.slice(0, end + 2).match(/[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*/g) ?? [];
  const relaxed = (field: string) => {
    const colon = field.indexOf(':');
    const value = field
      .slice(colon + 1)
      .replace(/\s+/g, ' ')
      .trim();
    return `${field.slice(0, colon).toLowerCase()}:${value}`;
  };
  const signature = fields[0] ?? '';
  const tag = (name: string) =>
    new RegExp(`[;:]\\s*${name}=([^;]*)`).exec(signature)?.[1]?.replace(/\s/g, '') ?? '';
  const bodyHash = createHash('sha256')
    .update(message.slice(end + 4))
    .digest('base64');
  if (tag('bh') !== bodyHash) return false;
  const left = fields.slice(1);
  const signed = tag('h')
    .split(':')
    .flatMap((name) => {
      const at = left.map((field) => field.split(':')[0]?.toLowerCase()).lastIndexOf(name.toLowerCase());
      return at < 0 ? [] : left.splice(at, 1).map((field) => `${relaxed(field)}\r\n`);
    });
  const own = relaxed(signature).replace(/([;:]\s*b=)[^;]*/, '$1');
  return createVerify('sha256')
    .update(signed.join('') + own)
    .verify(key, tag('b'), 'base64');
}
