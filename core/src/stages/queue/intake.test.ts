import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { minute, setUp, startMs } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';

describe('a recipient whose route', () => {
  it('can not be found for now waits, and goes when it can', async () => {
    let isKnown = false;
    const it = setUp(
      () => ({}),
      {},
      {
        route(_message, { address }) {
          if (isKnown) return { transport: 'mx', domain: address.domain };
          if (address.localPart === 'throws') throw new Error('bug');
          if (address.localPart === 'rejects') return Promise.reject(new Error('another bug'));
          return { verdict: 'defer', reply: reply(451, '4.3', 'no route for now') };
        },
      },
    );
    await it.scheduler.start();
    const to = ['defers', 'throws', 'rejects'].map((one) => ({ to: `${one}@b.test` }));
    await it.put(sampleMessage('m1', to));
    const { recipients } = await it.store.range({}, { limit: 10 });
    expect(
      recipients.map(({ state, dueAtMs, lastReply }) => [state, dueAtMs - startMs, lastReply?.code]),
    ).toEqual(to.map(() => ['waiting', minute, 451]));
    expect([it.dsns, it.settled]).toEqual([[], []]);
    isKnown = true;
    await it.clock.advance(minute);
    expect(it.settled).toHaveLength(3);
  });
});
