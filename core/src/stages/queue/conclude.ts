/** From what a try brought to what becomes of its recipients: settlements, DSNs and events. */
import type { MaybePromise } from '../../hooks/kinds.js';
import type { DsnDraft, SettledEvent } from '../../hooks/table.js';
import type { ReplyRule } from '../../mta-options.js';
import type { OutboxEvent } from '../../services/outbox.js';
import type { NewQueuedMessage, QueuedRecipient, Settlement } from '../../services/queue-store.js';
import { type Reply, reply } from '../../values/reply.js';
import type { RecipientOutcome } from '../../values/report.js';
import type { Ended } from './ended.js';
import { isToBeTold } from './notify-rules.js';
import { outboxEvent, outboxListener } from './outbox-messages.js';
import { leaseOf } from './recipient-transitions.js';
import { giveUpAtMs, nextRetryAtMs, tellDelayAtMs } from './retry-schedule.js';
import type { SchedulerOptions } from './scheduler-options.js';
import type { SchedulerPolicy } from './scheduler-policy.js';

/** What is to be written, and what is to be told after it. */
export interface Conclusion {
  readonly settlements: readonly Settlement[];
  readonly additions: readonly NewQueuedMessage[];
  readonly events: readonly SettledEvent[];
  /** For those who subscribe to the outbox; empty when nobody does. */
  readonly outbox: readonly OutboxEvent[];
}

/** What the conclusion depends on. */
export interface Judge {
  readonly policy: SchedulerPolicy;
  readonly options: SchedulerOptions;
  nowMs(): number;
  random(): number;
  /** The waits of a site that has its own. */
  retryDelaysMs(site: string): readonly number[] | undefined;
  /** What the options say about this answer. */
  replyRule(outcome: RecipientOutcome, site: string): ReplyRule | undefined;
  /** Whether anybody subscribes to the outbox. */
  hasOutbox(): boolean;
  /** Something that should not throw has thrown. */
  failed(what: string, error: unknown): void;
}

type Concerned = Ended['recipients'][number];

type Fate =
  | { readonly is: 'delivered' }
  | { readonly is: 'bounced' | 'expired' }
  | { readonly is: 'waiting'; readonly dueAtMs: number; readonly isDelayToBeTold: boolean };

/** Decides about every recipient of a try. Never rejects. A promise only when somebody had to be asked or told. */
export function conclude(ended: Ended, judge: Judge): MaybePromise<Conclusion> {
  const isPlain = ended.recipients.every(
    (one) => one.outcome.status === 'delivered' && !isSuccessToBeTold(ended, one),
  );
  if (isPlain) return concluded(ended, ended.recipients.map(asDelivered), nothingTold, judge);
  return askAndTell(ended, judge);
}

const delivered: Fate = { is: 'delivered' };
const asDelivered = (): Fate => delivered;

const nothingTold: Told = { additions: [], tells: new Map(), isFailureUntold: false };

async function askAndTell(ended: Ended, judge: Judge): Promise<Conclusion> {
  const fates = await Promise.all(ended.recipients.map((one) => fateOf(ended, one, judge)));
  return concluded(ended, fates, await tellSender(ended, fates, judge), judge);
}

function concluded(ended: Ended, fates: readonly Fate[], told: Told, judge: Judge): Conclusion {
  const settlements: Settlement[] = [];
  const events: SettledEvent[] = [];
  const outbox: OutboxEvent[] = [];
  const isToldOf = judge.hasOutbox() && ended.message.origin.listener !== outboxListener;
  ended.recipients.forEach((one, at) => {
    const fate = fates[at] as Fate;
    const tells = told.tells.get(one.recipient);
    const settlement = settlementOf(ended, one, fate, told.isFailureUntold);
    settlements.push(tells === undefined ? settlement : { ...settlement, tells });
    if (isToldOf && fate.is === 'waiting') outbox.push(outboxEvent(ended, one, 'deferred', judge.nowMs()));
    if (settlements.at(-1)?.to !== 'done' || fate.is === 'waiting') return;
    const isDropped = fate.is === 'bounced' && !isToBeTold(ended.message, one.recipient, 'failure');
    const status = isDropped ? 'dropped' : fate.is;
    events.push({ message: ended.message, recipient: one.recipient, status, outcome: one.outcome });
    if (isToldOf) outbox.push(outboxEvent(ended, one, status, judge.nowMs()));
  });
  return { settlements, additions: told.additions, events, outbox };
}

async function fateOf(ended: Ended, one: Concerned, judge: Judge): Promise<Fate> {
  if (one.outcome.status === 'delivered') return delivered;
  if (one.outcome.status === 'failed') return { is: 'bounced' };
  const nowMs = judge.nowMs();
  const { message } = ended;
  if (nowMs >= giveUpAtMs(message)) return { is: 'expired' };
  const question = { message, recipient: one.recipient, outcome: one.outcome, nowMs };
  const answer = await Promise.resolve()
    .then(() => judge.policy.retry(question))
    .catch((error: unknown) => judge.failed('retry', error));
  if (answer !== undefined && 'giveUp' in answer) return { is: 'bounced' };
  const rule = judge.replyRule(one.outcome, ended.site);
  if (answer === undefined && rule?.giveUp === true) return { is: 'bounced' };
  const retryDelaysMs = rule?.retryDelaysMs ?? judge.retryDelaysMs(ended.site);
  const retryAtMs =
    answer?.retryAtMs ??
    nextRetryAtMs(
      { message, recipient: one.recipient, nowMs, random: judge.random(), retryDelaysMs },
      judge.options,
    );
  // The end of the lifetime is not put off by a site that wants to be left alone.
  const dueAtMs = Math.min(Math.max(retryAtMs, ended.notBeforeMs ?? 0), giveUpAtMs(message));
  const isDelayToBeTold =
    !one.recipient.isDelayTold &&
    nowMs >= tellDelayAtMs(message, judge.options) &&
    isToBeTold(message, one.recipient, 'delay');
  return { is: 'waiting', dueAtMs: Math.max(dueAtMs, nowMs + 1), isDelayToBeTold };
}

interface Told {
  readonly additions: readonly NewQueuedMessage[];
  /** The DSNs that tell of a recipient. */
  readonly tells: ReadonlyMap<QueuedRecipient, readonly string[]>;
  readonly isFailureUntold: boolean;
}

/** RFC 3461 section 5.2.1: a next hop that does DSN has taken over the duty to tell. */
function isSuccessToBeTold({ message }: Ended, { recipient, outcome }: Concerned): boolean {
  return outcome.dsnPassedOn !== true && isToBeTold(message, recipient, 'success');
}

async function tellSender(ended: Ended, fates: readonly Fate[], judge: Judge): Promise<Told> {
  const additions: NewQueuedMessage[] = [];
  // A recipient is told of at most once in one try: failure, delay and success exclude one another.
  const tells = new Map<QueuedRecipient, readonly string[]>();
  let isFailureUntold = false;
  const tell = async (kind: DsnDraft['kind'], concerned: readonly Concerned[]): Promise<void> => {
    if (concerned.length === 0) return;
    try {
      const dsn = await judge.policy.notify(kind, { message: ended.message, recipients: concerned });
      if (dsn === undefined) return;
      additions.push(dsn);
      for (const { recipient } of concerned) tells.set(recipient, [dsn.id]);
    } catch (error) {
      judge.failed('notify', error);
      if (kind === 'failure') isFailureUntold = true;
    }
  };
  const { message } = ended;
  const of = (is: (fate: Fate, one: Concerned) => boolean): Concerned[] =>
    ended.recipients.filter((one, at) => is(fates[at] as Fate, one));
  const isEnd = (fate: Fate): boolean => fate.is === 'bounced' || fate.is === 'expired';
  await tell(
    'failure',
    of((fate, one) => isEnd(fate) && isToBeTold(message, one.recipient, 'failure')).map(asFailed),
  );
  await tell(
    'delay',
    of((fate) => fate.is === 'waiting' && fate.isDelayToBeTold),
  );
  await tell(
    ended.successKind,
    of((fate, one) => fate.is === 'delivered' && isSuccessToBeTold(ended, one)),
  );
  return { additions, tells, isFailureUntold };
}

function asFailed(one: Concerned): Concerned {
  return { recipient: one.recipient, outcome: { ...one.outcome, status: 'failed' } };
}

function settlementOf(ended: Ended, one: Concerned, fate: Fate, isFailureUntold: boolean): Settlement {
  const lease = leaseOf(one.recipient);
  if (fate.is === 'delivered') return { ...lease, to: 'done' };
  const left = {
    ...lease,
    site: ended.site,
    lastReply: one.outcome.reply,
    ...(one.outcome.remote === undefined ? {} : { lastRemote: one.outcome.remote.name }),
  };
  if (fate.is === 'waiting') {
    const told = fate.isDelayToBeTold ? { isDelayTold: true } : {};
    return { ...left, to: 'waiting', dueAtMs: fate.dueAtMs, ...told };
  }
  if (isFailureUntold && isToBeTold(ended.message, one.recipient, 'failure')) {
    // Dropping it would be silent loss: its sender could not be told.
    const holdReason = 'the failure could not be reported to the sender';
    return { ...left, to: 'held', dueAtMs: 0, holdReason };
  }
  return { ...lease, to: 'done' };
}

/** What counts when nobody said how it went. */
export const noOutcomeReply: Reply = reply(451, '3.0', 'delivery ended without an outcome');
