import { execFile, execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { checkMessage } from '../src/worker/check-message.js';
import type { JobFacts } from '../src/worker/protocol.js';
import { textResolver } from './fixed-resolver.js';

const call = promisify(execFile);
const isThere = (() => {
  try {
    execFileSync('opendkim', ['-V'], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
})();
if (!isThere) console.warn('skipped: opendkim is not installed (Debian: opendkim)');

const facts: JobFacts = {
  hostname: 'mx.test',
  remoteAddress: '192.0.2.1',
  helloName: 'client.test',
  sender: '',
  nowMs: Date.now(),
  checks: ['dkim'],
  limits: { signaturesMax: 8, rsaBitsMin: 1_024, spfLookupsMax: 10, spfVoidLookupsMax: 2, questionsMax: 100 },
  trustedSealers: [],
};
const message =
  'From: a@example.org\r\nTo: b@example.net\r\nSubject: hi  there\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n\r\nhello \t\r\nworld\r\n\r\n\r\n';

test.skipIf(!isThere)('verifies what opendkim signs', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'check-auth-'));
  const keys = {
    rsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
    ed25519: generateKeyPairSync('ed25519'),
  };
  await writeFile(join(directory, 'message.eml'), message);
  for (const [kind, { privateKey, publicKey }] of Object.entries(keys)) {
    await writeFile(join(directory, `${kind}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    const record = `v=DKIM1; k=${kind}; p=${(kind === 'rsa' ? der : der.subarray(-32)).toString('base64')}`;
    for (const canonicalization of ['relaxed/relaxed', 'relaxed/simple']) {
      const lines = [
        'Mode s',
        'Domain example.org',
        `KeyFile ${directory}/${kind}.pem`,
        'Selector s',
        `SignatureAlgorithm ${kind}-sha256`,
        `Canonicalization ${canonicalization}`,
        'OversignHeaders From',
        `Socket local:${directory}/socket`,
        'UserID root',
        'RequireSafeKeys false',
      ];
      await writeFile(join(directory, 'conf'), `${lines.join('\n')}\n`);
      const { stdout } = await call('opendkim', [
        '-x',
        join(directory, 'conf'),
        '-t',
        join(directory, 'message.eml'),
        '-vv',
      ]);
      const value = /hname='DKIM-Signature' hvalue='([^']*)'/.exec(stdout)?.[1] ?? '';
      const signed = `DKIM-Signature: ${value.replace(/\r?\n/g, '\r\n')}\r\n${message}`;
      const octets = async function* (text: string) {
        yield Buffer.from(text);
      };
      const resolver = textResolver({ 's._domainkey.example.org': record });
      const { dkim } = await checkMessage(facts, octets(signed), resolver);
      expect(dkim).toMatchObject([{ result: 'pass', algorithm: `${kind}-sha256`, domain: 'example.org' }]);
      const changed = await checkMessage(facts, octets(signed.replace('world', 'earth')), resolver);
      expect(changed.dkim[0]?.result).toBe('fail');
    }
  }
  await rm(directory, { recursive: true });
});
