import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkMessage } from '../src/worker/check-message.js';
import type { JobFacts } from '../src/worker/protocol.js';
import { dnsError, textResolver } from './fixed-resolver.js';

interface Scenario {
  readonly tests: Readonly<Record<string, { readonly message?: string; readonly cv: string }>>;
  readonly 'txt-records'?: Readonly<Record<string, string>>;
}

const scenarios = JSON.parse(
  readFileSync(new URL('vectors/arc-validation-tests.json', import.meta.url), 'utf8'),
) as readonly Scenario[];

const facts: JobFacts = {
  hostname: 'mx.test',
  remoteAddress: '192.0.2.1',
  helloName: 'client.test',
  sender: '',
  nowMs: 1_700_000_000_000,
  checks: ['dkim', 'arc'],
  limits: { signaturesMax: 8, rsaBitsMin: 1_024, spfLookupsMax: 10, spfVoidLookupsMax: 2, questionsMax: 100 },
  trustedSealers: ['example.org'],
};

const octetsOf = (message: string) => [Buffer.from(message.replace(/\r?\n/g, '\r\n'))];

async function* stream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

test('the ARC suite passes', async () => {
  const failed: string[] = [];
  let count = 0;
  for (const scenario of scenarios) {
    const resolver = textResolver(scenario['txt-records'] ?? {});
    for (const [name, { message = '', cv }] of Object.entries(scenario.tests)) {
      count++;
      const { arc } = await checkMessage(facts, stream(octetsOf(message)), resolver);
      // The suite leaves the answer open where the chain is broken: it fails.
      if (arc?.result !== (cv === '' ? 'fail' : cv.toLowerCase())) failed.push(name);
    }
  }
  expect(count).toBe(171);
  expect(failed).toEqual([]);
});

const passing = () => {
  for (const scenario of scenarios) {
    for (const { message, cv } of Object.values(scenario.tests)) {
      if (cv === 'Pass' && message !== undefined && scenario['txt-records'] !== undefined)
        return { scenario, message };
    }
  }
  throw new Error('the suite has no chain that passes');
};

test('a chain counts when all who sealed are trusted, and tells what the first found out', async () => {
  const { scenario, message } = passing();
  const resolver = textResolver(scenario['txt-records'] ?? {});
  const trusted = await checkMessage(facts, stream(octetsOf(message)), resolver);
  expect(trusted.arc).toMatchObject({ result: 'pass', isTrusted: true });
  expect(trusted.arc?.original).toContain('dmarc=pass');
  const stranger = await checkMessage({ ...facts, trustedSealers: [] }, stream(octetsOf(message)), resolver);
  expect(stranger.arc).toMatchObject({ result: 'pass', isTrusted: false });
  expect(stranger.arc?.original).toBeUndefined();
});

test('a key that can not be had for now is told apart from one that is not there', async () => {
  const { message } = passing();
  const down = await checkMessage(facts, stream(octetsOf(message)), async () => {
    throw dnsError('ETIMEOUT');
  });
  expect(down.arc).toMatchObject({ result: 'fail', isTemporary: true });
  const gone = await checkMessage(facts, stream(octetsOf(message)), textResolver({}));
  expect(gone.arc?.result).toBe('fail');
  expect(gone.arc?.isTemporary).toBeUndefined();
});
