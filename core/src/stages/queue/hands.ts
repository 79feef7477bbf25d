/** What the parts of the dispatcher share. */
import type { Clock } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import type { MessageHistory } from '../../services/message-history.js';
import type { Metrics } from '../../services/metrics.js';
import type { QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import type { ActiveMessages } from './active-messages.js';
import type { Judge } from './conclude.js';
import type { OwnedOutbox } from './outbox-messages.js';
import type { ReplyRules } from './reply-rules.js';
import type { SchedulerOptions } from './scheduler-options.js';
import type { SchedulerPolicy } from './scheduler-policy.js';
import type { Settler } from './settler.js';
import type { SiteNames } from './site-names.js';
import type { SiteTable } from './site-table.js';
import type { Suspensions } from './suspensions.js';
import type { Timeline } from './timeline.js';
import type { WorkHint } from './work-hint.js';

/** What the scheduler is made of; see there. */
export interface DispatcherParts {
  readonly store: QueueStore;
  readonly policy: SchedulerPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: SchedulerOptions;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly owner: string;
  /** Who is told of events; nobody by default. */
  readonly outbox?: OwnedOutbox;
  /** Who keeps what happened; only the last messages are remembered without. */
  readonly history?: MessageHistory | undefined;
}

/** See the file's comment. */
export interface Hands {
  readonly parts: DispatcherParts;
  readonly messages: ActiveMessages;
  readonly sites: SiteTable;
  readonly siteNames: SiteNames;
  readonly settler: Settler;
  readonly judge: Judge;
  readonly suspensions: Suspensions;
  readonly timeline: Timeline;
  readonly replyRules: ReplyRules;
  /** Aborts when the server can't wait any longer. */
  readonly stopping: AbortSignal;
  /** How each delivery that is under way is given up. */
  readonly deliveries: Set<() => void>;
  /** Recipients that are neither in the table nor settled: being routed, refused, given back. */
  passing: number;
  isRunning(): boolean;
  /** There may be new work in the store, or room for it. */
  changed(hint: WorkHint): void;
  /** Makes the drain wait for it. */
  track(work: Promise<void>): void;
  /** Something that should not throw has thrown. */
  failed(what: string, error: unknown): undefined;
}
