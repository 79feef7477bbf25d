import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { gate, minute, setUp, startMs } from '../../testing/scheduler-harness.js';
import { defaultEnvelopeParameters } from '../../values/envelope.js';

describe('deadlines', () => {
  it('returns what should have been delivered by a moment that passed while it waited, without a try', async () => {
    const first = gate();
    const it = setUp((request) => (request.message.id === 'm1' ? first.promise : {}), {
      deliveriesPerSiteMax: 1,
    });
    await it.scheduler.start();
    await it.put(sampleMessage('m1', [{ to: 'bob@b.test' }]));
    const by = (mode: 'return' | 'notify') => ({
      parameters: {
        ...defaultEnvelopeParameters,
        deliverBy: { atMs: startMs + minute, mode, trace: false },
      },
    });
    await it.put(sampleMessage('m2', [{ to: 'bob@b.test' }], by('return')));
    await it.put(sampleMessage('m3', [{ to: 'bob@b.test' }], by('notify')));
    await it.clock.advance(2 * minute);
    first.resolve({});
    await it.clock.settle();
    const ended = it.settled.filter((one) => one.message.id.startsWith('m'));
    // The report about m2 is made first, so it may end behind m3.
    expect(ended.map((one) => `${one.message.id} ${one.status}`).sort()).toEqual([
      'm1 delivered',
      'm2 expired',
      'm3 delivered',
    ]);
    expect(it.deliveries.map((one) => one.message.id)).not.toContain('m2');
  });
});
