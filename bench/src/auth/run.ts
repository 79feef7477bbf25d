/**
 * Messages a second with all checks of who may say it (SPF, DKIM by RSA and Ed25519, DMARC, ARC, iprev), beside the same
 * server with none; and how long the event loop of the server is held up. The target: a delay at p99 under 20 ms.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createDkimBodyHash, dkimAlgorithm, selectFields, signedFields, signField } from '@postroad/core';
import { loadSmtp } from '../smtp-load.js';
import type { AuthOrder, AuthReport } from './messages.js';

const program = fileURLToPath(new URL('./server.js', import.meta.url));
const delayMsTarget = 20;

/** Options: `--messages` in each round, `--rounds`, `--connections`, `--size` in octets, `--workers`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '20' },
      size: { type: 'string', default: '4096' },
      workers: { type: 'string', default: '2' },
    },
  });
  const { content, texts } = await signedMessage(Number(values.size));
  const load = {
    connections: Number(values.connections),
    messages: Number(values.messages),
    sizeBytes: 0,
    content,
  };
  const servers: [string, ChildProcess, number][] = [];
  for (const isChecked of [false, true]) {
    const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    order(child, { kind: 'start', isChecked, workers: Number(values.workers), texts });
    const ready = await hear(child, 'ready');
    servers.push([isChecked ? 'all checks' : 'no checks', child, ready.port]);
    await loadSmtp({ ...load, messages: 200, port: ready.port });
  }
  const best = new Map<string, number>();
  let worstMs = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, child, port] of servers) {
      order(child, { kind: 'begin' });
      const begun = performance.now();
      await loadSmtp({ ...load, port });
      const seconds = (performance.now() - begun) / 1_000;
      order(child, { kind: 'end' });
      const { delayMs, cpuSeconds, verdicts } = await hear(child, 'report');
      const rate = load.messages / seconds;
      best.set(name, Math.max(best.get(name) ?? 0, rate));
      if (name === 'all checks') worstMs = Math.max(worstMs, delayMs.p99);
      const said = Object.entries(verdicts).map(([word, count]) => `${word} ${count}`);
      console.log(
        `${name.padEnd(11)} ${rate.toFixed(0).padStart(6)} messages/s  ${((cpuSeconds / load.messages) * 1e3).toFixed(2)} ms CPU each  ` +
          `event loop p50 ${delayMs.median.toFixed(1)} p99 ${delayMs.p99.toFixed(1)} max ${delayMs.max.toFixed(1)} ms  (${said.join(', ')})`,
      );
    }
  }
  for (const [, child] of servers) child.disconnect();
  const ratio = (best.get('all checks') ?? 0) / (best.get('no checks') ?? 1);
  console.log(`\nwith all checks: ${ratio.toFixed(2)} of the rate with none`);
  console.log(
    `event loop at p99: ${worstMs.toFixed(1)} ms, target ${delayMsTarget} ms: ${worstMs < delayMsTarget ? 'met' : 'MISSED'}`,
  );
}

function order(child: ChildProcess, message: AuthOrder): void {
  child.send(message);
}

async function hear<K extends AuthReport['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<AuthReport, { kind: K }>> {
  const [report] = (await once(child, 'message')) as [AuthReport];
  if (report.kind !== kind) throw new Error(`the server said ${report.kind} instead of ${kind}`);
  return report as Extract<AuthReport, { kind: K }>;
}

/** A message with two signatures that verify, and the records that it takes. */
async function signedMessage(sizeBytes: number): Promise<{ content: Buffer; texts: Record<string, string> }> {
  const line = `${'The quick brown fox jumps over the lazy dog. '.repeat(2).slice(0, 76)}\r\n`;
  const body = line.repeat(Math.ceil(sizeBytes / line.length));
  const header =
    'From: <a@source.test>\r\nTo: <b@dest.test>\r\nSubject: load\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n';
  const hash = createDkimBodyHash('relaxed');
  hash.update(Buffer.from(body));
  const bodyHash = hash.digest();
  const names = ['from', 'to', 'subject', 'date'];
  const { canonical } = selectFields(signedFields(Buffer.from(header)), names, [], 'relaxed');
  const texts: Record<string, string> = {
    'source.test': 'v=spf1 ip4:127.0.0.1 -all',
    '_dmarc.source.test': 'v=DMARC1; p=reject',
  };
  let signatures = '';
  for (const kind of ['rsa', 'ed25519'] as const) {
    const pair =
      kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2_048 }) : generateKeyPairSync('ed25519');
    const der = pair.publicKey.export({ type: 'spki', format: 'der' });
    texts[`${kind}._domainkey.source.test`] =
      `v=DKIM1; k=${kind}; p=${(kind === 'rsa' ? der : der.subarray(-32)).toString('base64')}`;
    const tags = [
      ['v', '1'],
      ['a', dkimAlgorithm(pair.privateKey)],
      ['c', 'relaxed/relaxed'],
      ['d', 'source.test'],
      ['s', kind],
      ['h', names.join(':')],
      ['bh', bodyHash],
    ] as const;
    const fieldName = 'DKIM-Signature';
    signatures += `${fieldName}: ${await signField({ fieldName, tags, canonical, canonicalization: 'relaxed', key: pair.privateKey })}\r\n`;
  }
  return { content: Buffer.from(`${signatures}${header}${body}.\r\n`), texts };
}
