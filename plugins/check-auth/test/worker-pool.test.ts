import { systemClock } from '@postroad/core';
import { expect, test } from 'vitest';
import type { JobFacts } from '../src/worker/protocol.js';
import { createWorkerPool, type WorkerPoolOptions } from '../src/worker-pool.js';
import { fixedResolver } from './fixed-resolver.js';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

const pool = (program: string | URL, more: Partial<WorkerPoolOptions> = {}) =>
  createWorkerPool({
    program:
      typeof program === 'string' ? new URL(`data:text/javascript,${encodeURIComponent(program)}`) : program,
    size: 1,
    jobsMax: 8,
    waitingMax: 0,
    timeoutMs: 10_000,
    clock: systemClock,
    resolver: fixedResolver({}),
    log: silent,
    ...more,
  });

const facts: JobFacts = {
  hostname: 'mx.test',
  remoteAddress: '192.0.2.1',
  helloName: 'client.test',
  sender: 'a@example.org',
  nowMs: 0,
  checks: ['spf', 'dkim'],
  limits: { signaturesMax: 8, rsaBitsMin: 1_024, spfLookupsMax: 10, spfVoidLookupsMax: 2, questionsMax: 100 },
  trustedSealers: [],
};
const program = new URL('../dist/worker/worker.js', import.meta.url);
const signal = new AbortController().signal;

async function* octets(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('From: a@example.org\r\n\r\nhello\r\n');
}

test('a worker that crashes fails its jobs, and the next one gets another worker', async () => {
  const crashing = pool(`import { parentPort } from 'node:worker_threads';
    parentPort.on('message', (message) => { if (message.kind === 'job') throw new Error('ouch'); });`);
  await expect(crashing.check(facts, octets(), signal)).rejects.toThrow('the worker ended: ouch');
  await expect(crashing.check(facts, octets(), signal)).rejects.toThrow('the worker ended: ouch');
  await crashing.close();
});

test('a worker that computes without end is given up at the deadline, and can be closed', async () => {
  const hanging = pool(
    `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { for (;;); });`,
    { timeoutMs: 100 },
  );
  await expect(hanging.check(facts, octets(), signal)).rejects.toThrow('took too long');
  await hanging.close();
});

test('octets that can not be read fail the job alone', async () => {
  const checks = pool(program);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('From: a@');
    throw new Error('the disk is gone');
  };
  await expect(checks.check(facts, broken(), signal)).rejects.toThrow('the disk is gone');
  expect((await checks.check(facts, octets(), signal)).spf?.result).toBe('none');
  await checks.close();
});

test('who finds no place and no room to wait is told at once', async () => {
  const full = pool(`import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {});`, {
    jobsMax: 1,
  });
  const first = full.check(facts, octets(), signal).catch((error: Error) => error.message);
  await expect(full.check(facts, octets(), signal)).rejects.toThrow('too many messages wait');
  await full.close();
  expect(await first).toContain('the worker ended');
  await expect(full.check(facts, octets(), signal)).rejects.toThrow('the checks have ended');
});

test('nobody waits longer than the caller', async () => {
  const slow = pool(program, { resolver: { ...fixedResolver({}), txt: () => new Promise(() => {}) } });
  const stop = new AbortController();
  const waiting = slow.check(facts, octets(), stop.signal);
  stop.abort();
  await expect(waiting).rejects.toThrow(/took too long|aborted/);
  await slow.close();
});
