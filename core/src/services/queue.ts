/** The running queue, for plugins and commands: safe at any time. */
import { token } from '../di/token.js';
import type { EgressPolicy } from '../hooks/table.js';
import type { LimitRule } from '../mta-options.js';
import type { MailAddress, ReversePath } from '../values/address.js';
import type { Finding } from '../values/finding.js';
import type { Reply } from '../values/reply.js';
import type { Route } from '../values/route.js';
import type { QueueChange, QueueCounts, QueuedMessage, QueueFilter, QueuePage } from './queue-store.js';

/** What can be suspended: a site, a recipient's domain, or the account, tenant or campaign of a message. */
export interface SuspensionTarget {
  readonly kind: 'site' | 'domain' | 'account' | 'tenant' | 'campaign';
  readonly value: string;
}

/** Deliveries that an operator has suspended. */
export interface Suspension extends SuspensionTarget {
  readonly reason: string;
  readonly sinceMs: number;
  /** When it ends by itself; without it an operator ends it. */
  readonly untilMs?: number;
}

/** Something that happened to a message. */
export interface TraceEntry {
  readonly atMs: number;
  /** `queued`, `judged`, `attempt`, `delivered`, `deferred`, `failed`, `bounced`, `expired`, `dropped`, `suspended` or `held`. */
  readonly event: string;
  /** The recipient's address; absent when it is about the whole message. */
  readonly recipient?: string;
  readonly site?: string;
  readonly remote?: string;
  /** What the remote, or we, said. */
  readonly reply?: string;
  /** The origin, the findings, or the way that was tried. */
  readonly detail?: string;
  /** What was said between us and the servers, for an attempt that did not go well. */
  readonly transcript?: readonly string[];
  /** Where it happened, when several nodes keep one history. */
  readonly node?: string;
}

/** The story of a message, oldest first. */
export interface MessageTrace {
  readonly messageId: string;
  /** Its Message-ID field, when it has one. */
  readonly messageIdField?: string;
  readonly reversePath: string;
  readonly entries: readonly TraceEntry[];
}

/** Where mail for an address would go now, and what stands in its way. */
export interface AddressResolution {
  readonly address: MailAddress;
  /** Why it has no route. */
  readonly refusal?: Reply;
  readonly route?: Route;
  readonly site?: string;
  /** How it would leave the house. */
  readonly egress?: EgressPolicy;
  /** What those who would deliver it found out: servers, addresses, TLS policies. */
  readonly findings: readonly Finding[];
  /** Deliveries that the site may have at once now, those under way, and the rules that fit. */
  readonly limits?: {
    readonly window: number;
    readonly active: number;
    readonly rules: readonly LimitRule[];
  };
  /** Recipients of the site in the queue. */
  readonly waiting?: number;
  /** What keeps deliveries from beginning. */
  readonly blocks: readonly {
    readonly kind: 'suspended' | 'left alone';
    readonly reason: string | Reply;
    readonly untilMs?: number;
  }[];
}

/** What an export has written; recipients that were being delivered, or are to be returned from here, are skipped. */
export interface ExportedQueue {
  readonly messages: number;
  readonly recipients: number;
  readonly skipped: number;
}

/** What an import has put in; messages whose ids were known are left out. */
export interface ImportedQueue {
  readonly messages: number;
  readonly recipients: number;
  readonly known: number;
}

/** The queue's operations; changes take effect in the running scheduler at once. */
export interface Queue {
  /** Whether all processes of the server see the same queue; otherwise this is the part that this process has. */
  readonly isShared: boolean;
  list(filter: QueueFilter, options: { readonly after?: string; readonly limit: number }): Promise<QueuePage>;
  message(id: string): Promise<QueuedMessage | undefined>;
  count(filter?: QueueFilter): Promise<QueueCounts>;
  retry(filter: QueueFilter): Promise<number>;
  hold(filter: QueueFilter, reason: string): Promise<number>;
  release(filter: QueueFilter): Promise<number>;
  /** Removes recipients without a word to their senders. */
  delete(filter: QueueFilter): Promise<number>;
  /** Returns recipients to their senders, who are told the reason; also those that are held. */
  bounce(filter: QueueFilter, reason: string): Promise<number>;
  /** Sends recipients another way, now; without a route the way that the `route` hook says again. */
  redirect(filter: QueueFilter, route: Route | undefined): Promise<number>;
  change(filter: QueueFilter, change: QueueChange): Promise<number>;
  /**
   * Writes messages with their waiting and held recipients to a new file, for the import of another server. They stay
   * in this queue: hold them before and delete them after it, or they are delivered twice.
   */
  exportTo(file: string, filter?: QueueFilter): Promise<ExportedQueue>;
  /** Puts in what an export has written; what was held stays held. */
  importFrom(file: string): Promise<ImportedQueue>;
  /** Begins no deliveries to the target until it is resumed or the moment comes; kept over restarts. */
  suspend(
    target: SuspensionTarget,
    options: { readonly reason: string; readonly untilMs?: number },
  ): Promise<Suspension>;
  /** Ends a suspension; `false` when there is none. */
  resume(target: SuspensionTarget): Promise<boolean>;
  suspensions(): Promise<readonly Suspension[]>;
  /** What would happen to mail for an address, from this sender; nothing is sent. */
  resolve(address: MailAddress, reversePath?: ReversePath): Promise<AddressResolution>;
  /**
   * What happened to messages of this id, Message-ID, sender or recipient, the newest message first. Of the messages that
   * this process has handled lately only, unless a plugin keeps their history (`MessageHistory`).
   */
  trace(query: string): Promise<readonly MessageTrace[]>;
}

/** The token of the running queue. */
export const Queue = token<Queue>('core.queue');
