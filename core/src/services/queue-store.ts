/** The contract between the scheduler (core) and what keeps the queue (plugins). */
import type { Body } from '../body/body.js';
import { token } from '../di/token.js';
import type { MailAddress, ReversePath } from '../values/address.js';
import type { EnvelopeParameters, Notify } from '../values/envelope.js';
import type { Reply } from '../values/reply.js';
import type { Route } from '../values/route.js';

/** Where a message came from, for traces, policies and lists. Serialisable. */
export interface MessageOrigin {
  readonly protocol: string;
  readonly listener: string;
  readonly remoteAddress: string;
  readonly helloName: string;
  /** The account that handed it in, when somebody was logged in. */
  readonly accountId?: string;
  /** Whom it belongs to, when the options say where that stands (`queue.tenantHeader`); else the account counts. */
  readonly tenant?: string;
  /** Set when the reverse-path was found to be forged: nobody there is told anything. */
  readonly isSenderForged?: boolean;
  /** The sending it belongs to, when the options say where that stands (`queue.campaignHeader`). */
  readonly campaign?: string;
}

/** What all recipients of a queued message share. Immutable after `put`. */
export interface QueuedMessage {
  readonly id: string;
  readonly reversePath: ReversePath;
  readonly parameters: EnvelopeParameters;
  /** Header fields (with CRLF) that stand before the body: trace fields and what `header` hooks added. */
  readonly headerPrefix: string;
  readonly body: Body;
  readonly origin: MessageOrigin;
  readonly receivedAtMs: number;
  /** When the queue gives up. */
  readonly expiresAtMs: number;
  /** Why it was marked, when a verdict said quarantine. */
  readonly quarantine?: string;
  /** Persistent keys of plugins, by name. */
  readonly state?: Readonly<Record<string, unknown>>;
}

/**
 * `ready`: to be tried now. `waiting`: not before `dueAtMs`. `leased`: being tried by `leaseOwner` until `dueAtMs`.
 * `held`: not before somebody releases it. Delivered, bounced and expired recipients are removed from the store.
 */
export type RecipientState = 'ready' | 'waiting' | 'leased' | 'held';

/** One recipient in the queue. */
export interface QueuedRecipient {
  readonly messageId: string;
  /** Position within the message; stable. */
  readonly index: number;
  readonly address: MailAddress;
  readonly notify?: Notify;
  readonly orcpt?: string;
  readonly state: RecipientState;
  /** For `waiting` when to try again, for `leased` when the lease ends. */
  readonly dueAtMs: number;
  readonly leaseOwner?: string;
  /** The token of the lease, when it had one. */
  readonly leaseToken?: string;
  /** Tries begun, counted durably before the try begins; a try that crashes the process is counted too. */
  readonly attempts: number;
  /**
   * Tries begun since the last settlement: counted with `attempts`, 0 again after every `settle`. More than one means
   * that the process died during a try, perhaps because of it.
   */
  readonly unsettledAttempts: number;
  readonly lastAttemptAtMs?: number;
  /** What the last try or the operator left behind. */
  readonly lastReply?: Reply;
  readonly lastRemote?: string;
  readonly holdReason?: string;
  /** An operator wants it returned to its sender, for this reason, instead of tried again. */
  readonly bounceReason?: string;
  /** Where an operator sends it instead of where the `route` hook would. */
  readonly redirect?: Route;
  /** The group it was last sorted into (its site, or `new` before the first routing). */
  readonly site: string;
  /** Whether the sender has been told of the delay (RFC 3461 section 4.1, DELAY). */
  readonly isDelayTold: boolean;
}

/** A message to put in. */
export interface NewQueuedMessage extends QueuedMessage {
  readonly recipients: readonly NewQueuedRecipient[];
}

/** A recipient to put in; starts `ready`, or `waiting` when `dueAtMs` is ahead (FUTURERELEASE). */
export interface NewQueuedRecipient {
  readonly address: MailAddress;
  readonly notify?: Notify;
  readonly orcpt?: string;
  readonly site: string;
  readonly dueAtMs?: number;
  readonly holdReason?: string;
  /** The way it goes instead of what the `route` hook says. */
  readonly redirect?: Route;
  /** Tries begun elsewhere, at the server that it was exported from. */
  readonly attempts?: number;
  /** The sender was told of the delay already. */
  readonly isDelayTold?: boolean;
}

/** Who takes recipients for delivery, and for how long. */
export interface Lease {
  /** Unique to this process run. */
  readonly owner: string;
  readonly untilMs: number;
  /**
   * A fencing token, different for each lease that is asked for: the same owner may get a recipient a second time, after
   * its first lease has lapsed and somebody else had it, while its first try still goes on.
   */
  readonly token?: string;
}

/** What to lease. */
export interface LeaseRequest {
  readonly nowMs: number;
  readonly lease: Lease;
  /** Most recipients to give. */
  readonly limit: number;
  /** Most per site, so that one full site does not use up the limit. */
  readonly perSiteMax?: number;
  /** Sites not to give now. */
  readonly exceptSites?: ReadonlySet<string>;
}

/** Which lease a settlement ends, and which messages tell of it. */
export interface SettledLease {
  readonly messageId: string;
  readonly index: number;
  readonly leaseToken?: string;
  /**
   * Ids of the additions that tell of this settlement, its DSNs. An addition that settlements name is put in only when
   * one of them is not ignored: who lost the lease tells nobody about it.
   */
  readonly tells?: readonly string[];
}

/** What becomes of a leased recipient after a try. `done` removes it. */
export type Settlement =
  | (SettledLease & { readonly to: 'done' })
  | (SettledLease & {
      readonly to: 'waiting' | 'held' | 'ready';
      readonly dueAtMs: number;
      readonly lastReply?: Reply;
      readonly lastRemote?: string;
      readonly holdReason?: string;
      readonly site?: string;
      readonly isDelayTold?: boolean;
      /** Set when no try was begun after all (drain, site suspended): the counted attempt is taken back. */
      readonly isUntried?: boolean;
    });

/** Which recipients; absent fields match all. Used by lists and by the operator's changes. */
export interface QueueFilter {
  readonly messageId?: string;
  readonly state?: RecipientState;
  readonly site?: string;
  /** Domain of the recipient, lower case. */
  readonly domain?: string;
  /** Recipient as `local@domain`. */
  readonly recipient?: string;
  /** Reverse-path as `local@domain`; empty for the null path. */
  readonly sender?: string;
  /** Domain of the reverse-path. */
  readonly senderDomain?: string;
  /** The account that handed the message in. */
  readonly account?: string;
  /** As in the message's origin; without one there the account. */
  readonly tenant?: string;
  readonly campaign?: string;
  readonly listener?: string;
  /** The client's address. */
  readonly remoteAddress?: string;
  /** Only messages received before this moment. */
  readonly receivedBeforeMs?: number;
  /** Only recipients with at least so many tries. */
  readonly attemptsMin?: number;
  /** A part of the last reply on one line, in any case. */
  readonly reply?: string;
}

/** What an operator does to recipients. Leased ones are changed when their try has ended; `delete` sends no DSN. */
export type QueueChange =
  | { readonly action: 'retry'; readonly nowMs: number }
  | { readonly action: 'hold'; readonly reason: string }
  | { readonly action: 'release'; readonly nowMs: number }
  | { readonly action: 'bounce'; readonly reason: string; readonly nowMs: number }
  /** Due now, by this route; without one by that of the `route` hook again. */
  | { readonly action: 'redirect'; readonly route?: Route; readonly nowMs: number }
  | { readonly action: 'delete' };

/** A page of recipients. */
export interface QueuePage {
  readonly recipients: readonly QueuedRecipient[];
  /** Give it as `after` for the next page; absent on the last. */
  readonly next?: string;
}

/** How many recipients are in which state. */
export interface QueueCounts {
  readonly messages: number;
  readonly recipients: number;
  readonly byState: Readonly<Record<RecipientState, number>>;
}

/** What `start` found. */
export interface QueueRecovery {
  /** Recipients whose leases were of an owner that is gone, now `ready` again. */
  readonly recovered: number;
  /** Records that could not be read and were set aside, with where to find them. */
  readonly quarantined: readonly string[];
}

/**
 * Keeps the queue. Everything that resolves is durable: it survives kill -9 and power loss. Rejections are
 * `E_QUEUE_STORE` and mean that nothing was changed. All methods may be called concurrently; writes of one moment
 * share a commit. Every implementation passes `queueStoreContract` of `@postroad/core/testing`.
 */
export interface QueueStore {
  /** Recovers after whatever ended the last run; called once before anything else. Ready within a second. */
  start(owner: string, nowMs: number): Promise<QueueRecovery>;
  /**
   * Takes a message in, its body with it. With `lease`, recipients that are due start leased (with `attempts` 1), so
   * that the scheduler may try them without asking. Retains the body until the message has no recipient left.
   */
  put(message: NewQueuedMessage, lease?: Lease): Promise<readonly QueuedRecipient[]>;
  /** Leases recipients that are due, oldest first, and counts their attempts. */
  lease(request: LeaseRequest): Promise<readonly QueuedRecipient[]>;
  /**
   * Ends leases, and puts messages in (the DSNs about them) in the same commit. A settlement of a recipient that the
   * owner does not hold any more, or holds by another lease than the one with `leaseToken`, is ignored, and with it the
   * additions that only ignored ones tell of by `tells`.
   */
  settle(
    owner: string,
    settlements: readonly Settlement[],
    additions?: readonly NewQueuedMessage[],
  ): Promise<void>;
  /**
   * When the next recipient that waits or is ready is due, but for those of the given sites; `undefined` when there is
   * none. Leases that end are not counted.
   */
  nextDueAtMs(exceptSites?: ReadonlySet<string>): Promise<number | undefined>;
  /** A message; `undefined` when it is gone. `E_QUEUE_RECORD` when it can't be read. */
  message(id: string): Promise<QueuedMessage | undefined>;
  /** The recipients of the filter in order of message id and index. */
  range(
    filter: QueueFilter,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<QueuePage>;
  /** Applies an operator's change; resolves with the number of recipients changed. */
  change(filter: QueueFilter, change: QueueChange): Promise<number>;
  count(filter?: QueueFilter): Promise<QueueCounts>;
  /** Keeps a small fact of the scheduler's, such as what is suspended, durably; `undefined` removes it. */
  remember(name: string, fact: string | undefined): Promise<void>;
  /** A fact that was remembered. */
  recall(name: string): Promise<string | undefined>;
  /**
   * Left out by stores that one process has for itself. Keeps a fact as `remember` does, if it is still the one that was
   * read last; `false` when somebody else has changed it meanwhile, and nothing is kept.
   */
  exchange?(name: string, was: string | undefined, fact: string | undefined): Promise<boolean>;
  /** Whether all processes of the server see the same queue; left out by stores that one process has for itself. */
  readonly isShared?: boolean;
  /**
   * Left out by stores that one process has for itself. Whether leased recipients are still held for sure: others may
   * have taken them when this process stood still, or could not reach the store, for too long. Asked before a try is
   * begun; what is not held is not tried.
   */
  isHeld?(recipients: readonly QueuedRecipient[]): boolean;
  /**
   * Left out by stores that one process has for itself. How many processes work the queue at the moment, as far as this
   * one knows: limits of deliveries are divided by it, so that all together keep to them.
   */
  sharers?(): number;
  /**
   * Left out by stores that one process has for itself. Calls `listener` when others may have put work in; returns how to
   * stop.
   */
  onWork?(listener: () => void): () => void;
  close(): Promise<void>;
}

/** The token of the queue's store. */
export const QueueStore = token<QueueStore>('core.queue-store');
