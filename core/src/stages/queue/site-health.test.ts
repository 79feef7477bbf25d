import { describe, expect, it } from 'vitest';
import { reply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';
import { createRateLimit } from './rate-limit.js';
import { createSiteHealth, judgeReport } from './site-health.js';

const minute = 60_000;
const waits = [minute, 5 * minute, 240 * minute];
const away: RecipientOutcome = { index: 0, status: 'deferred', reply: reply(451, '4.1', 'refused') };

describe('the health of a site', () => {
  it('widens the window with successes, up to the limit, and halves it at trouble', () => {
    const health = createSiteHealth(8, waits);
    expect(health.window(0)).toBe(5);
    for (let at = 0; at < 10; at++) health.good(0);
    expect(health.window(0)).toBe(8);
    health.trouble(0, 0, away);
    expect(health.window(0)).toBe(4);
    health.good(0);
    expect(health.window(0)).toBe(4);
    for (let at = 0; at < 4; at++) health.good(0);
    expect(health.window(0)).toBe(5);
  });

  it('is dead after trouble without a success, longer each time, until a probe goes well', () => {
    const health = createSiteHealth(20, waits);
    for (let at = 0; at < 3; at++) health.trouble(0, 0, away);
    expect(health.dead(0)).toMatchObject({ untilMs: minute, isAppointed: false });
    expect(health.window(0)).toBe(0);
    // What began before tells nothing new.
    health.trouble(1, 0, away);
    expect(health.dead(minute)).toBeUndefined();
    expect(health.window(minute)).toBe(1);
    health.trouble(minute, 0, away);
    expect(health.dead(minute)).toMatchObject({ untilMs: 3 * minute });
    health.good(minute);
    expect(health.dead(minute)).toBeUndefined();
    expect(health.window(minute)).toBe(2);
  });

  it('never pauses longer than half an hour and a tenth', () => {
    const health = createSiteHealth(20, waits);
    let nowMs = 0;
    for (let at = 0; at < 20; at++) {
      health.trouble(nowMs, 0.999, away);
      nowMs = health.dead(nowMs)?.untilMs ?? nowMs;
    }
    const before = nowMs;
    health.trouble(nowMs, 0.999, away);
    expect((health.dead(nowMs)?.untilMs ?? 0) - before).toBeLessThan(33 * minute);
  });

  it('pauses no longer than quick retries wait', () => {
    const health = createSiteHealth(20, [1000, 2000]);
    for (let at = 0; at < 3; at++) health.trouble(0, 0, away);
    expect(health.dead(0)?.untilMs).toBe(1000);
    for (let at = 0; at < 9; at++) health.trouble(10_000 * (at + 1), 0, away);
    expect(health.dead(90_000)?.untilMs).toBe(92_000);
  });

  it('keeps an appointment that the site has made', () => {
    const health = createSiteHealth(20, waits);
    health.leaveAlone(10 * minute, away);
    health.leaveAlone(5 * minute, away);
    expect(health.dead(9 * minute)).toMatchObject({ untilMs: 10 * minute, isAppointed: true });
    // Nor does a delivery end it that began before.
    health.good(9 * minute);
    expect(health.dead(9 * minute)).toMatchObject({ untilMs: 10 * minute });
    expect(health.window(10 * minute)).toBe(1);
    health.good(10 * minute);
    expect(health.window(10 * minute)).toBe(2);
  });

  it('begins with no more than the limit', () => {
    expect(createSiteHealth(2, waits).window(0)).toBe(2);
  });

  it('pauses briefly again once it has done well', () => {
    const health = createSiteHealth(20, waits);
    const failTo = (nowMs: number) => {
      for (let at = 0; at < 3; at++) health.trouble(nowMs, 0, away);
      return (health.dead(nowMs)?.untilMs ?? 0) - nowMs;
    };
    expect(failTo(0)).toBe(minute);
    health.trouble(minute, 0, away);
    health.good(9 * minute);
    expect(failTo(10 * minute)).toBe(minute);
  });

  it('lets fewer deliveries begin at once for as long as it was told to', () => {
    const health = createSiteHealth(20, waits);
    health.slowDown(2, 10 * minute);
    expect(health.window(10 * minute - 1)).toBe(2);
    expect(health.window(10 * minute)).toBe(5);
  });
});

describe('what a report says about the site', () => {
  const outcomes = (...all: RecipientOutcome[]) => judgeReport({ outcomes: all });
  it('tells trouble of the site from trouble of a recipient', () => {
    expect(outcomes(away)).toBe('trouble');
    expect(outcomes()).toBe('trouble');
    expect(outcomes({ ...away, reply: reply(421, '7.0', 'later') })).toBe('trouble');
    expect(outcomes({ ...away, reply: reply(452, '3.2', 'no mail for now') })).toBe('trouble');
    expect(outcomes({ ...away, reply: reply(451, '7.1', 'greylisted') })).toBe('neither');
    expect(outcomes(away, { ...away, reply: reply(452, '2.2', 'full') })).toBe('neither');
    expect(outcomes(away, { ...away, status: 'delivered', reply: reply(250, '0.0', 'ok') })).toBe('good');
    expect(outcomes({ ...away, status: 'failed', reply: reply(550, '1.1', 'who?') })).toBe('good');
  });
});

describe('a rate limit', () => {
  it('lets a burst pass and then keeps the pace', () => {
    const limit = createRateLimit({ units: 6, perMs: minute, burst: 3 });
    for (let at = 0; at < 3; at++) {
      expect(limit.allowedAtMs(0)).toBe(0);
      limit.take(0, 1);
    }
    expect(limit.allowedAtMs(0)).toBe(10_000);
    limit.take(10_000, 1);
    expect(limit.allowedAtMs(10_000)).toBe(20_000);
    expect(limit.allowedAtMs(90_000)).toBe(90_000);
  });

  it('makes the next wait for one that was large', () => {
    const limit = createRateLimit({ units: 6, perMs: minute, burst: 1 });
    limit.take(0, 12);
    expect(limit.allowedAtMs(0)).toBe(120_000);
  });
});
