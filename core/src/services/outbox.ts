/**
 * The durable outbox of events: what happens to recipients is written in the same commit that makes it so, and delivered
 * by a transport of the subscriber, again and again until it takes it. So a subscriber hears of everything at least once.
 */
import { token } from '../di/token.js';
import type { BounceClass } from '../values/bounce-class.js';

/** Something that happened to a recipient. Serialisable. */
export interface OutboxEvent {
  /** The same when the event is told again. */
  readonly id: string;
  /**
   * `accepted`: in the queue; durable before the client hears of it. `refused`: a client was refused something; written
   * after the reply, so that a crash may lose the last ones (decision 0061). The others are about deliveries, and durable with them.
   */
  readonly event: 'accepted' | 'refused' | 'delivered' | 'deferred' | 'bounced' | 'expired' | 'dropped';
  readonly atMs: number;
  readonly messageId: string;
  /** The Message-ID field. */
  readonly messageIdField?: string;
  readonly reversePath: string;
  /** Empty when something was refused before there was one, or all of them were. */
  readonly recipient: string;
  /** Empty before a delivery. */
  readonly site: string;
  /** Which try it was, from 1; 0 before the first. */
  readonly attempt: number;
  /** The words of the server, or ours, on one line. */
  readonly reply: string;
  readonly remote?: string;
  /** The address of the client, where one was accepted or refused. */
  readonly client?: string;
  readonly bounceClass?: BounceClass;
  readonly account?: string;
  readonly tenant?: string;
  readonly campaign?: string;
}

/** Who wants to hear of events, and how. */
export interface OutboxSubscription {
  /**
   * Events are delivered by the route `{ transport: 'custom', name, target }`, as messages of JSON, one event a line: the
   * subscriber taps `deliver` for it. What it defers is tried again by the queue's schedule, up to the queue's lifetime.
   */
  readonly name: string;
  readonly target: string;
  wants(event: OutboxEvent): boolean;
}

/** See the file's comment. */
export interface Outbox {
  /** Call it in `setup`; it holds as long as the generation. */
  subscribe(subscription: OutboxSubscription): void;
}

/** The token of the outbox; the core provides it. */
export const Outbox = token<Outbox>('core.outbox');
