/**
 * What the scheduler asks others. It is given by the stages, which ask the hooks; the scheduler itself knows no hook,
 * no plugin and no protocol. Nothing here should throw; the scheduler survives it when something does: a route, a
 * delivery or a retry that throws counts as deferred, and a DSN that can't be made holds the recipient.
 */
import type { MaybePromise } from '../../hooks/kinds.js';
import type {
  Delivery,
  DsnDraft,
  DsnSubject,
  EgressPolicy,
  RetryAnswer,
  RetryQuestion,
  SettledEvent,
} from '../../hooks/table.js';
import type { NewQueuedMessage, QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { Finding } from '../../values/finding.js';
import type { DeliveryReport } from '../../values/report.js';
import type { MxRoute, Route } from '../../values/route.js';
import type { Refusal } from '../../values/verdict.js';

/** A delivery before its way out of the house is decided. */
export type DeliveryRequest = Omit<Delivery, 'egress'>;

/** What is known of a delivery before it begins. */
export interface Surveyed {
  readonly egress: EgressPolicy;
  readonly findings: readonly Finding[];
}

/** What the scheduler asks. All of it may be called concurrently. */
export interface SchedulerPolicy {
  /** Where a recipient goes next; asked before each try. A refusal with 5yz bounces it, with 4yz is retried. */
  route(message: QueuedMessage, recipient: QueuedRecipient): MaybePromise<Route | Refusal>;
  /** The site of a route by MX, when it shares its servers with other domains; asked before each try, after `route`. */
  site?(route: MxRoute): MaybePromise<string | undefined>;
  /**
   * One try. The signal aborts when the try must end: its lease is over, or the server stops. An outcome that is
   * missing in the report counts as deferred.
   */
  deliver(delivery: DeliveryRequest, signal: AbortSignal): Promise<DeliveryReport>;
  /** When to try again after a deferral; `undefined` leaves it to the schedule of the options. */
  retry(question: RetryQuestion): MaybePromise<RetryAnswer | undefined>;
  /**
   * Makes the DSN about these recipients, to be put in with the commit that settles them; `undefined` for none. Asked
   * only when the sender may be told: never for a null reverse-path (RFC 5321 section 4.5.5), and only about
   * recipients whose NOTIFY asks for this kind (RFC 3461 section 4.1). A `failure` whose outcome has a 4yz reply is one
   * that was given up: its lifetime is over, or `retry` said so.
   */
  notify(kind: DsnDraft['kind'], subject: DsnSubject): Promise<NewQueuedMessage | undefined>;
  /** What a delivery would do, without doing it; for operators who ask. */
  survey?(delivery: DeliveryRequest): Promise<Surveyed>;
  /** A try has ended; called before its settlement. */
  attempted(delivery: DeliveryRequest, report: DeliveryReport): void;
  /** A recipient's way has ended, durably. */
  settled(event: SettledEvent): void;
}
