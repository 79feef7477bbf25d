/** From what became of recipients to the messages that tell subscribers of it. */
import { bodyFromBytes } from '../../body/inline-body.js';
import type { RefusedEvent } from '../../hooks/table.js';
import type { Logger } from '../../services/logger.js';
import type { Outbox, OutboxEvent, OutboxSubscription } from '../../services/outbox.js';
import type { NewQueuedMessage, QueuedMessage } from '../../services/queue-store.js';
import { formatAddress, formatReversePath } from '../../values/address.js';
import { classifyBounce } from '../../values/bounce-class.js';
import { defaultEnvelopeParameters } from '../../values/envelope.js';
import { formatReply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';
import type { Ended } from './ended.js';

/** The outbox of one generation, as plugins see it and as the scheduler uses it. */
export interface OwnedOutbox extends Outbox {
  readonly subscriptions: readonly OutboxSubscription[];
}

/** What messages of the outbox are made with. */
export interface OutboxMessageOptions {
  readonly nowMs: number;
  readonly lifetimeMs: number;
  newId(): string;
}

/** The listener that messages of the outbox name as their origin: nothing is told about them. */
export const outboxListener = 'outbox';

/** Most events in one message. */
const eventsMax = 500;

/**
 * Nobody wants anything yet. A subscriber that throws when it is asked must stop no settlement, and miss nothing: it gets the
 * event.
 */
export function createOutbox(log: Pick<Logger, 'error'>): OwnedOutbox {
  const subscriptions: OutboxSubscription[] = [];
  const asked = ({ name, target, wants }: OutboxSubscription): OutboxSubscription => ({
    name,
    target,
    wants(event) {
      try {
        return wants(event);
      } catch (error) {
        log.error('a subscriber of the outbox failed when it was asked', { name, error });
        return true;
      }
    },
  });
  return { subscriptions, subscribe: (one) => void subscriptions.push(asked(one)) };
}

/** What happened to a recipient in a try that has ended. */
export function outboxEvent(
  ended: Pick<Ended, 'message' | 'site'>,
  one: Ended['recipients'][number],
  event: OutboxEvent['event'],
  atMs: number,
): OutboxEvent {
  const { message, site } = ended;
  const { recipient, outcome } = one;
  return {
    ...factsOf(message),
    id: `${message.id}/${recipient.index}/${recipient.attempts}/${event}`,
    event,
    atMs,
    recipient: formatAddress(recipient.address),
    site,
    attempt: recipient.attempts,
    reply: formatReply(outcome.reply),
    ...(outcome.remote === undefined ? {} : { remote: outcome.remote.name }),
    ...bounceClassOf(outcome),
  };
}

/** A message that was taken, for each of its recipients. */
export function acceptedEvents(message: NewQueuedMessage, atMs: number): readonly OutboxEvent[] {
  const shared = { ...factsOf(message), site: '', attempt: 0, reply: '250 2.0.0 accepted', atMs } as const;
  return message.recipients.map(({ address }, index) => ({
    ...shared,
    id: `${message.id}/${index}/0/accepted`,
    event: 'accepted',
    recipient: formatAddress(address),
    client: message.origin.remoteAddress,
  }));
}

/** Something that a client was refused. */
export function refusedEvent(event: RefusedEvent, number: number, atMs: number): OutboxEvent {
  const { connection, transaction, at, reply: said } = event;
  const of = transaction?.id ?? connection.id;
  const account = connection.identity?.accountId;
  return {
    id: `${of}/${at}/${number}/refused`,
    event: 'refused',
    atMs,
    messageId: of,
    reversePath: formatReversePath(transaction?.reversePath ?? null),
    recipient: '',
    site: '',
    attempt: 0,
    reply: formatReply(said),
    bounceClass: classifyBounce(said),
    client: connection.remoteAddress,
    ...(account === undefined ? {} : { account }),
  };
}

function factsOf(
  message: QueuedMessage,
): Pick<OutboxEvent, 'messageId' | 'messageIdField' | 'reversePath' | 'account' | 'tenant' | 'campaign'> {
  const { accountId, tenant, campaign } = message.origin;
  const messageIdField = message.body.header.get('Message-ID');
  return {
    messageId: message.id,
    ...(messageIdField === undefined ? {} : { messageIdField: messageIdField.slice(0, 998) }),
    reversePath: formatReversePath(message.reversePath),
    ...(accountId === undefined ? {} : { account: accountId }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(campaign === undefined ? {} : { campaign }),
  };
}

/** The messages, to be put in with the commit that makes the events so. */
export function outboxMessages(
  events: readonly OutboxEvent[],
  subscriptions: readonly OutboxSubscription[],
  options: OutboxMessageOptions,
): readonly NewQueuedMessage[] {
  return subscriptions.flatMap(({ name, target, wants }) => {
    const wanted = events.filter(wants);
    const messages: NewQueuedMessage[] = [];
    for (let at = 0; at < wanted.length; at += eventsMax) {
      messages.push(outboxMessage(wanted.slice(at, at + eventsMax), name, target, options));
    }
    return messages;
  });
}

function bounceClassOf(outcome: RecipientOutcome): Pick<OutboxEvent, 'bounceClass'> {
  return outcome.status === 'delivered' ? {} : { bounceClass: classifyBounce(outcome.reply) };
}

function outboxMessage(
  events: readonly OutboxEvent[],
  name: string,
  target: string,
  { nowMs, lifetimeMs, newId }: OutboxMessageOptions,
): NewQueuedMessage {
  const lines = events.map((event) => `${JSON.stringify(event)}\r\n`).join('');
  return {
    id: newId(),
    reversePath: null,
    parameters: { ...defaultEnvelopeParameters, bodyType: '8bitmime' },
    headerPrefix: '',
    body: bodyFromBytes(Buffer.from(`Content-Type: application/x-ndjson\r\n\r\n${lines}`)),
    origin: { protocol: 'local', listener: outboxListener, remoteAddress: '', helloName: '' },
    receivedAtMs: nowMs,
    expiresAtMs: nowMs + lifetimeMs,
    recipients: [
      {
        address: { localPart: 'outbox', domain: 'postroad.invalid' },
        notify: 'never',
        site: 'new',
        redirect: { transport: 'custom', name, target },
      },
    ],
  };
}
