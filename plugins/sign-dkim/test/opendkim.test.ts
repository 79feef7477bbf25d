import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { accept, definePlugin, readBody, reply } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { signDkim } from '../src/sign-dkim.js';
import { directory, publish, resolver, run, startSigner, texts, useDirectory } from './kit.js';

useDirectory();

const call = promisify(execFile);
const isThere = (() => {
  try {
    execFileSync('opendkim', ['-V'], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
})();
const skip = isThere ? false : 'opendkim is not installed (Debian: opendkim)';
if (skip !== false) console.warn(`skipped: ${skip}`);

/** What opendkim says of each of the messages, which have one signature each; it knows the keys that are published. */
async function verdicts(...contents: readonly string[]): Promise<readonly string[]> {
  const keys = join(directory, 'published.txt');
  await writeFile(keys, [...texts].map(([name, text]) => `${name} ${text}\n`).join(''));
  const conf = join(directory, 'opendkim.conf');
  await writeFile(
    conf,
    `Mode v\nTestPublicKeys ${keys}\nSocket local:${directory}/socket\nUserID root\nRequireSafeKeys false\n`,
  );
  const files = contents.map((_, at) => join(directory, `message-${at}.eml`));
  for (const [at, file] of files.entries()) await writeFile(file, contents[at] ?? '', 'latin1');
  const { stdout, stderr } = await call('opendkim', ['-x', conf, '-t', files.join(','), '-v']);
  const lines = (stdout + stderr).split('\n').filter((line) => line.includes('verification'));
  return files.map((file) => lines.find((line) => line.includes(file)) ?? 'nothing');
}

/** The signature of one of our keys alone: opendkim reports about the best one only. */
function withOnly(content: string, selector: string): string {
  const fields = content.split(/\r\n(?![ \t])/);
  return fields
    .filter((field) => !field.startsWith('DKIM-Signature:') || field.includes(`s=${selector};`))
    .join('\r\n');
}

const bodies: Readonly<Record<string, string>> = {
  plain: 'hello\r\n',
  blanks: ' hello \t \r\n\r\n  world\t\r\n\r\n\r\n',
  empty: '',
  '8bit': '\u00e4\u00f6\u00fc\r\n.\r\n..\r\n',
  long: `${'x'.repeat(990)}\r\n`.repeat(200),
};

test.skipIf(skip !== false)(
  'opendkim verifies what we sign, whatever the body',
  { timeout: 60_000 },
  async () => {
    publish(await run('dkim create', { domain: 'example.org', selector: 'one' }));
    // Headers in simple form are shown in core: `opendkim -t` does not keep their blanks and folds as they are.
    for (const canonicalization of ['relaxed/relaxed', 'relaxed/simple'] as const) {
      await using signer = await startSigner({ canonicalization });
      const messages: string[] = [];
      for (const body of Object.values(bodies)) {
        const sent = await signer.send(
          `FROM: "A" <a@example.org>\r\nTo: b@example.net,\r\n c@example.net\r\nSubject:  x \r\n\r\n${body}`,
        );
        messages.push(withOnly(sent, 'one-rsa'), withOnly(sent, 'one-ed25519'));
      }
      for (const [at, said] of (await verdicts(...messages)).entries())
        expect(`${canonicalization} ${Object.keys(bodies)[at >> 1]}: ${said}`).toMatch(/succeeded$/);
    }
    expect(readdirSync(join(directory, 'example.org'))).toHaveLength(4);
  },
);

test.skipIf(skip !== false)('opendkim finds out what was changed or added', { timeout: 60_000 }, async () => {
  publish(await run('dkim create', { domain: 'example.org', selector: 'one' }));
  await using signer = await startSigner();
  const sent = withOnly(await signer.send('From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n'), 'one-rsa');
  const changes = [
    sent.replace('hello', 'hallo'),
    sent.replace('Subject: x', 'Subject: y'),
    sent.replace('Subject: x', 'Subject: x\r\nSubject: y'),
    sent.replace('Subject: x', 'Subject: x\r\nFrom: b@example.org'),
    sent.replace('Subject: x', 'Subject: x\r\nReply-To: mallory@example.com'),
  ];
  const [whole, ...told] = await verdicts(sent, ...changes);
  expect(whole).toMatch(/succeeded$/);
  expect(told).toHaveLength(changes.length);
  for (const said of told) expect(said).toMatch(/failed/);
});

test.skipIf(skip !== false)(
  'opendkim verifies the notifications that we send',
  { timeout: 60_000 },
  async () => {
    publish(await run('dkim create', { domain: 'example.org', selector: 'one' }));
    const notifications: string[] = [];
    const world = definePlugin({
      name: 'deliver-world',
      setup({ tap }) {
        tap('recipient', () => accept());
        tap('route', () => ({ transport: 'custom', name: 'world', target: 'x' }));
        tap('deliver', async ({ message, recipients }) => {
          const isDsn = message.reversePath === null;
          if (isDsn)
            notifications.push(message.headerPrefix + (await readBody(message.body, 1_000_000)).toString());
          const [status, said] = isDsn
            ? (['delivered', reply(250, '0.0', 'ok')] as const)
            : (['failed', reply(550, '1.1', 'nobody')] as const);
          return { outcomes: recipients.map(({ index }) => ({ index, status, reply: said })) };
        });
      },
    });
    await using server = await startTestMta({
      hostname: 'mx.example.org',
      plugins: [signDkim({ directory }), world()],
      resolver,
    });
    const envelope = { reversePath: 'alice@example.net', recipients: ['bob@example.com'] };
    await server.mta.submit(envelope, 'From: alice@example.net\r\n\r\nhello\r\n');
    await expect.poll(() => notifications.length, { timeout: 20_000 }).toBe(1);
    const [sent = ''] = notifications;
    expect(sent).toContain('From: Mail Delivery System <postmaster@mx.example.org>');
    for (const kind of ['rsa', 'ed25519']) {
      const [said = 'nothing'] = await verdicts(withOnly(sent, `one-${kind}`));
      expect(said).toMatch(/succeeded$/);
    }
  },
);
