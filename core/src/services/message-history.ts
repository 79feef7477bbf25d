/** What happened to messages, kept for longer than a process lives: a plugin may provide it. */
import { token } from '../di/token.js';
import type { MessageTrace, TraceEntry } from './queue.js';

/** Something that happened to a message. Serialisable. */
export interface HistoryRecord {
  readonly messageId: string;
  /** Set on the first one of a message. */
  readonly head?: Pick<MessageTrace, 'messageIdField' | 'reversePath'>;
  readonly entry: TraceEntry;
}

/**
 * Keeps records, and finds them. It is told of everything in the order in which it happens; what it keeps is bounded by its
 * own options. Mail never waits for it.
 */
export interface MessageHistory {
  /** Takes a record; returns at once and never throws. */
  add(record: HistoryRecord): void;
  /** Messages of this id, Message-ID, sender or recipient, the newest first, at most so many. */
  find(query: string, limit: number): Promise<readonly MessageTrace[]>;
}

/** The token of the history; without a provider the scheduler's memory of the last messages is all there is. */
export const MessageHistory = token<MessageHistory>('core.message-history');
