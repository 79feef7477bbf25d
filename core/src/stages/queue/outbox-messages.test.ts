import { describe, expect, it } from 'vitest';
import { readBody } from '../../body/body.js';
import type { OutboxEvent } from '../../services/outbox.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { reply } from '../../values/reply.js';
import { acceptedEvents, createOutbox, outboxEvent, outboxMessages } from './outbox-messages.js';

let ids = 0;
const options = { nowMs: 1_000, lifetimeMs: 60_000, newId: () => `o${ids++}` };
const target = { name: 'webhook', target: 'app' };

describe('messages of the outbox', () => {
  it('tell each subscriber of what it wants, so many events in one', async () => {
    const outbox = createOutbox({ error() {} });
    outbox.subscribe({ ...target, wants: ({ recipient }) => recipient !== 'u0@b.test' });
    outbox.subscribe({ ...target, target: 'other', wants: () => false });
    const to = Array.from({ length: 1_101 }, (_, at) => ({ to: `u${at}@b.test` }));
    const messages = outboxMessages(
      acceptedEvents(sampleMessage('m1', to), 5),
      outbox.subscriptions,
      options,
    );
    const told: OutboxEvent[] = [];
    for (const { body, recipients, reversePath, expiresAtMs } of messages) {
      expect(recipients[0]?.redirect).toEqual({ transport: 'custom', ...target });
      expect([reversePath, expiresAtMs]).toEqual([null, 61_000]);
      const lines =
        String(await readBody(body, 1_000_000))
          .split('\r\n\r\n')[1]
          ?.trim()
          .split('\r\n') ?? [];
      expect(lines.length).toBeLessThanOrEqual(500);
      told.push(...lines.map((line) => JSON.parse(line) as OutboxEvent));
    }
    expect(told.map(({ recipient }) => recipient)).toEqual(to.slice(1).map((one) => one.to));
    expect(new Set(told.map(({ id }) => id)).size).toBe(1_100);
  });

  it('go to a subscriber that fails when it is asked, and to the others', () => {
    const failures: unknown[] = [];
    const outbox = createOutbox({ error: (_, fields) => failures.push(fields) });
    const bug = new Error('bug');
    const wants = (): boolean => {
      throw bug;
    };
    outbox.subscribe({ ...target, wants });
    outbox.subscribe({ ...target, target: 'other', wants: () => true });
    const events = acceptedEvents(sampleMessage('m1', [{ to: 'u@b.test' }]), 5);
    expect(outboxMessages(events, outbox.subscriptions, options)).toHaveLength(2);
    expect(failures).toEqual([{ name: 'webhook', error: bug }]);
  });

  it('say what kind of refusal it was, and nothing of the kind about what went well', () => {
    const message = sampleMessage('m1', [{ to: 'u@b.test' }]);
    const [recipient] = message.recipients.map(({ address }, index) => ({ address, index, attempts: 2 }));
    const event = (status: 'delivered' | 'failed', said: ReturnType<typeof reply>) =>
      outboxEvent(
        { message, site: 'mx:b.test' },
        { recipient: recipient as never, outcome: { index: 0, status, reply: said } },
        status === 'failed' ? 'bounced' : 'delivered',
        7,
      );
    expect(event('failed', reply(552, '2.2', 'mailbox full'))).toMatchObject({
      id: 'm1/0/2/bounced',
      bounceClass: 'quota',
    });
    expect(event('delivered', reply(250, '0.0', 'ok'))).not.toHaveProperty('bounceClass');
  });
});
