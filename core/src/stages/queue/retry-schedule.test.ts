import { describe, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { newRecipient } from './recipient-transitions.js';
import { giveUpAtMs, nextRetryAtMs, tellDelayAtMs } from './retry-schedule.js';
import { schedulerOptions } from './scheduler-options.js';

const minute = 60_000;
const options = schedulerOptions({
  retryDelaysMs: [minute, 10 * minute],
  retryJitter: 0.5,
  delayWarningMs: 60 * minute,
});
const plain = sampleMessage('m1', [{ to: 'bob@b.test' }]);
const nowMs = plain.receivedAtMs;
const withParameters = (changes: Partial<typeof plain.parameters>) => ({
  ...plain,
  parameters: { ...plain.parameters, ...changes },
});

function next(changes: {
  attempts?: number;
  random?: number;
  atMs?: number;
  message?: typeof plain;
  isDelayTold?: boolean;
}) {
  const { attempts = 1, random = 0, atMs = nowMs, message = plain, isDelayTold = false } = changes;
  const recipient = { ...newRecipient(message, 0), attempts, isDelayTold };
  return nextRetryAtMs({ message, recipient, nowMs: atMs, random }, options) - atMs;
}

describe('the next try', () => {
  it('is by the schedule, whose last wait stays, later by the jitter', () => {
    expect([1, 2, 3, 50].map((attempts) => next({ attempts }))).toEqual(
      [1, 10, 10, 10].map((one) => one * minute),
    );
    expect(next({ random: 0.5 })).toBe(1.25 * minute);
  });

  it('comes when something is due anyway: the warning, or the end', () => {
    const atMs = nowMs + 55 * minute;
    expect(next({ attempts: 2, atMs })).toBe(5 * minute);
    expect(next({ attempts: 2, atMs, isDelayTold: true })).toBe(10 * minute);
    expect(next({ attempts: 2, atMs: plain.expiresAtMs - minute, isDelayTold: true })).toBe(minute);
    expect(next({ atMs: plain.expiresAtMs + minute })).toBe(1);
  });
});

describe('the moments of a message', () => {
  it('are those that its sender asked for', () => {
    const at = { atMs: nowMs + 30 * minute, trace: false };
    const urgent = withParameters({ deliverBy: { ...at, mode: 'return' } });
    const watched = withParameters({ deliverBy: { ...at, mode: 'notify' } });
    expect([plain, urgent, watched].map(giveUpAtMs)).toEqual([plain.expiresAtMs, at.atMs, plain.expiresAtMs]);
    const told = (message: typeof plain) => tellDelayAtMs(message, options) - nowMs;
    expect([plain, urgent, watched].map(told)).toEqual([60, 60, 30].map((one) => one * minute));
    // What was to be held is not late before its hold ends (RFC 4865).
    expect(told(withParameters({ holdUntilMs: nowMs + 120 * minute }))).toBe(180 * minute);
  });
});
