import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import type { DeliveryJob } from './delivery-job.js';
import { createLimitTable } from './limit-table.js';
import { schedulerOptions, shareOf } from './scheduler-options.js';
import { createSiteTable } from './site-table.js';

let number = 0;
function job(site = 'mx:d.test'): DeliveryJob {
  const message = sampleMessage(`m${++number}`, [{ to: 'bob@d.test' }]);
  const recipients = [{ messageId: message.id, index: 0, address: { localPart: 'bob', domain: 'd.test' } }];
  return { site, message, recipients } as unknown as DeliveryJob;
}

/** How many begin at this moment, when nobody ends. */
function begun(table: ReturnType<typeof createSiteTable>, nowMs: number): number {
  for (let count = 0; ; count++) if (table.next(nowMs) === undefined) return count;
}

describe('limits that several processes keep together', () => {
  it('divides deliveries at once by how many there are, also when that changes', () => {
    let sharers = 4;
    const options = schedulerOptions({
      deliveriesMax: 100,
      sites: [{ match: 'mx:d.test', deliveriesMax: 8 }],
    });
    const table = createSiteTable(options, () => sharers);
    for (let at = 0; at < 20; at++) table.add(job());
    expect(begun(table, 0)).toBe(2);
    sharers = 2;
    expect(begun(table, 0)).toBe(2);
    // One for each at least: nobody stands still.
    sharers = 100;
    expect(
      begun(
        createSiteTable(options, () => sharers),
        0,
      ),
    ).toBe(0);
    const other = createSiteTable(options, () => sharers);
    for (let at = 0; at < 5; at++) other.add(job());
    expect(begun(other, 0)).toBe(1);
  });

  it('divides the rate of a site', () => {
    const rate = { recipients: 60, perMs: 60_000, burst: 4 };
    const options = schedulerOptions({
      deliveriesMax: 400,
      deliveriesPerSiteMax: 300,
      sites: [{ match: 'mx:d.test', rate }],
    });
    const count = (sharers: number): number => {
      const table = createSiteTable(options, () => sharers);
      for (let at = 0; at < 100; at++) table.add(job());
      let all = 0;
      for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
        for (let one = table.next(nowMs); one !== undefined; one = table.next(nowMs)) {
          table.ended(one);
          all++;
        }
      }
      return all;
    };
    expect(count(1)).toBeGreaterThanOrEqual(60);
    expect(count(3)).toBeGreaterThanOrEqual(20);
    expect(count(3)).toBeLessThanOrEqual(22);
  });

  it('divides the limits across sites', () => {
    const table = createLimitTable(
      [{ per: ['tenant'], deliveriesMax: 6, messages: { count: 60, perMs: 60_000, burst: 1 } }],
      () => 3,
    );
    const one = job();
    expect(table.blocked(one, 0)).toBeUndefined();
    table.begin(one, 0);
    // A message in three seconds, of the one in each second that all may send.
    expect(table.blocked(job(), 0)).toEqual({ untilMs: 3_000 });
    expect(table.blocked(job(), 3_000)).toBeUndefined();
    table.begin(job(), 3_000);
    expect(table.blocked(job(), 60_000)).toEqual({});
  });
});

describe('sites that wait for a slot', () => {
  it('take turns, also when one of them has many deliveries', () => {
    const table = createSiteTable(schedulerOptions({ deliveriesMax: 100 }));
    for (let at = 0; at < 4; at++) table.add(job('mx:many.test'));
    table.add(job('mx:a.test'));
    table.add(job('mx:b.test'));
    const order = Array.from({ length: 7 }, () => table.next(0)?.site);
    const many = 'mx:many.test';
    expect(order).toEqual([many, 'mx:a.test', 'mx:b.test', many, many, many, undefined]);
  });

  it('find a quarter of the slots kept for those that have none', () => {
    const table = createSiteTable(schedulerOptions({ deliveriesMax: 20, deliveriesPerSiteMax: 20 }));
    for (let site = 0; site < 40; site++)
      for (let at = 0; at < 20; at++) table.add(job(`mx:${site % 4}.test`));
    const most = begun(table, 0);
    expect(most).toBeLessThanOrEqual(15);
    table.add(job('mx:new.test'));
    expect(table.next(0)?.site).toBe('mx:new.test');
  });
});

describe('the part of one of several processes', () => {
  it('divides what is for the whole server, also what may come at once', () => {
    const rate = { count: 100, perMs: 3_600_000 };
    const part = shareOf(
      schedulerOptions({
        deliveriesMax: 100,
        deliveriesPerSiteMax: 10,
        sites: [{ match: 'mx:*', deliveriesMax: 2, rate: { recipients: 60, perMs: 60_000 } }],
        limits: [
          {
            per: ['tenant'],
            deliveriesMax: 9,
            messages: rate,
            recipients: { ...rate, burst: 8 },
            octets: rate,
          },
        ],
      }),
      4,
    );
    const own = { count: 100, perMs: 4 * 3_600_000 };
    expect(part).toMatchObject({
      deliveriesMax: 25,
      deliveriesPerSiteMax: 3,
      sites: [{ deliveriesMax: 1, rate: { recipients: 60, perMs: 240_000, burst: 15 } }],
      limits: [
        {
          deliveriesMax: 3,
          messages: { ...own, burst: 25 },
          recipients: { ...own, burst: 2 },
          octets: { ...own, burst: 25 },
        },
      ],
    });
  });
});

function to(domain: string): DeliveryJob {
  const one = job();
  return {
    ...one,
    recipients: one.recipients.map((of) => ({ ...of, address: { localPart: 'bob', domain } })),
  };
}

describe('a limit of many values', () => {
  it('is not forgotten for a value that has used it up', () => {
    const table = createLimitTable([{ per: ['domain'], messages: { count: 1, perMs: 3_600_000 } }]);
    const send = (domain: string, nowMs: number) => {
      table.begin(to(domain), nowMs);
      table.ended(to(domain));
    };
    send('first.test', 1_000);
    for (let at = 0; at < 20_000; at++) table.blocked(to(`d${at}.test`), 2_000);
    expect(table.blocked(to('first.test'), 3_000)).toEqual({ untilMs: 3_601_000 });
  });

  it('is not forgotten for a value whose delivery is under way', () => {
    const table = createLimitTable([{ per: ['domain'], deliveriesMax: 1 }]);
    table.begin(to('first.test'), 1_000);
    for (let at = 0; at < 20_001; at++) table.blocked(to(`d${at}.test`), 2_000);
    expect(table.blocked(to('first.test'), 3_000)).toEqual({});
    table.ended(to('first.test'));
    expect(table.blocked(to('first.test'), 3_000)).toBeUndefined();
  });

  it('lets those that must wait come back one after another', () => {
    const table = createLimitTable([{ messages: { count: 60, perMs: 60_000, burst: 1 } }]);
    table.begin(job(), 0);
    const times = Array.from({ length: 4 }, () => table.comeBackAtMs(job(), 0));
    expect(times).toEqual([0, 1, 2, 3].map((at) => (times[0] as number) + at * 1_000));
  });
});
