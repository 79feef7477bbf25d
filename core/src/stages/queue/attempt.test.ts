import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { minute, setUp } from '../../testing/scheduler-harness.js';
import { reply } from '../../values/reply.js';

describe('what comes back from a delivery', () => {
  it('may be no report at all, or one of which a part can be used', async () => {
    const ok = { index: 0, status: 'delivered', reply: reply(250, '0.0', 'ok') };
    const reports: Readonly<Record<string, unknown>> = {
      'mx:nothing.test': undefined,
      'mx:yes.test': true,
      'mx:empty.test': {},
      'mx:word.test': { outcomes: [{ ...ok, status: 'done' }] },
      'mx:late.test': { outcomes: [], postponedUntilMs: Number.NaN },
      'mx:half.test': { outcomes: [ok, { index: 1, status: 'deferred', reply: { code: 451 } }, null] },
    };
    const deliver = async (request: { readonly site: string }) => reports[request.site] as never;
    const it = setUp(
      () => ({}),
      { deliveriesMax: 2, replies: [{ match: '4*', giveUp: false }] },
      { deliver },
    );
    await it.scheduler.start();
    for (const [at, site] of Object.keys(reports).entries()) {
      const domain = site.slice(3);
      await it.put(sampleMessage(`m${at}`, [{ to: `a@${domain}` }, { to: `b@${domain}` }]));
    }
    expect((await it.store.count()).byState).toMatchObject({ leased: 0, waiting: 11 });
    expect(it.settled.map((one) => one.recipient.address.domain)).toEqual(['half.test']);
    await it.scheduler.drain(minute);
    expect(it.clock.timers).toBe(0);
  });
});
