import { expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createAcceptFailures } from './accept-failures.js';
import type { Logger } from './logger.js';
import { createMetrics } from './metrics-registry.js';

it('counts every connection that could not be accepted, and logs one line in ten seconds', async () => {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const lines: unknown[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (event, fields) => void lines.push([event, fields?.failures]),
    child: () => log,
  };
  const failed = createAcceptFailures('relay', () => ({ clock, log, metrics }));
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
  for (let count = 0; count < 1000; count++) failed(error);
  expect(lines).toEqual([['accepting failed', 1]]);
  await clock.advance(10_000);
  failed(error);
  expect(lines).toEqual([
    ['accepting failed', 1],
    ['accepting failed', 1000],
  ]);
  const sample = metrics.samples().find(({ name }) => name === 'postroad_accept_failures_total');
  expect(sample).toMatchObject({ labels: { listener: 'relay' }, value: 1001 });
});
