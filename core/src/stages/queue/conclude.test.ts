import { describe, expect, it } from 'vitest';
import type { RetryAnswer } from '../../hooks/table.js';
import type { ReplyRule } from '../../mta-options.js';
import type { QueuedMessage } from '../../services/queue-store.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { reply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';
import { conclude, type Judge } from './conclude.js';
import { newRecipient } from './recipient-transitions.js';
import { schedulerOptions } from './scheduler-options.js';

const minute = 60_000;
const busy: RecipientOutcome = { index: 0, status: 'deferred', reply: reply(451, '4.1', 'busy') };

/** What becomes of one recipient. */
async function concluded(
  of: {
    readonly message?: Partial<QueuedMessage>;
    readonly outcome?: RecipientOutcome;
    readonly notBeforeMs?: number;
    readonly answer?: RetryAnswer;
    readonly rule?: Partial<ReplyRule>;
  } = {},
) {
  const message = sampleMessage('m1', [{ to: 'bob@b.test' }], of.message);
  const recipient = { ...newRecipient(message, 0), attempts: 1 };
  const nowMs = message.receivedAtMs;
  const judge: Judge = {
    policy: { retry: () => of.answer, notify: async () => undefined } as unknown as Judge['policy'],
    options: schedulerOptions({ retryJitter: 0 }),
    nowMs: () => nowMs,
    random: () => 0,
    retryDelaysMs: () => undefined,
    replyRule: () => (of.rule === undefined ? undefined : { match: '*', ...of.rule }),
    hasOutbox: () => true,
    failed: (_what, error) => {
      throw error;
    },
  };
  const recipients = [{ recipient, outcome: of.outcome ?? busy }];
  const ended = {
    message,
    site: 'mx:b.test',
    recipients,
    successKind: 'relayed',
    notBeforeMs: of.notBeforeMs,
  } as const;
  const { settlements, outbox, events } = await conclude(ended, judge);
  const [settlement] = settlements;
  const afterMs = settlement?.to === 'waiting' ? settlement.dueAtMs - nowMs : undefined;
  return {
    to: settlement?.to,
    afterMs,
    outbox: outbox.map(({ event }) => event),
    events: events.map(({ status }) => status),
  };
}

describe('what becomes of a recipient', () => {
  it('waits by the schedule, and not before the site wants it', async () => {
    expect(await concluded()).toEqual({ to: 'waiting', afterMs: minute, outbox: ['deferred'], events: [] });
    const notBeforeMs = sampleMessage('x', []).receivedAtMs + 30 * minute;
    expect((await concluded({ notBeforeMs })).afterMs).toBe(30 * minute);
    // The end of its lifetime is not put off by that.
    const expiresAtMs = notBeforeMs - 10 * minute;
    expect((await concluded({ notBeforeMs, message: { expiresAtMs } })).afterMs).toBe(20 * minute);
  });

  it('is what the hook says, whatever the rules say', async () => {
    const retryAtMs = sampleMessage('x', []).receivedAtMs + 7 * minute;
    const rule = { giveUp: true, retryDelaysMs: [minute] };
    expect(await concluded({ rule })).toMatchObject({ to: 'done', events: ['bounced'] });
    expect((await concluded({ rule, answer: { retryAtMs } })).afterMs).toBe(7 * minute);
  });

  it('is told to subscribers, but not of what tells them', async () => {
    const outcome: RecipientOutcome = { index: 0, status: 'delivered', reply: reply(250, '0.0', 'ok') };
    expect((await concluded({ outcome })).outbox).toEqual(['delivered']);
    const { origin } = sampleMessage('x', []);
    const message = { origin: { ...origin, listener: 'outbox' } };
    for (const one of [outcome, busy]) {
      expect((await concluded({ message, outcome: one })).outbox).toEqual([]);
    }
  });
});
