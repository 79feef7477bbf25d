/** When a deferred recipient is tried again, and when it is enough. Pure. */
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { SchedulerOptions } from './scheduler-options.js';

/** What the schedule needs to know. */
export interface RetryInput {
  readonly message: QueuedMessage;
  readonly recipient: QueuedRecipient;
  readonly nowMs: number;
  /** From 0 up to, not including, 1. */
  readonly random: number;
  /** Waits of the site's own. */
  readonly retryDelaysMs?: readonly number[] | undefined;
}

/** The moment after which a message is given up: its lifetime, or DELIVERBY in mode R (RFC 2852 section 4.1). */
export function giveUpAtMs(message: QueuedMessage): number {
  const deliverBy = message.parameters.deliverBy;
  if (deliverBy?.mode !== 'return') return message.expiresAtMs;
  return Math.min(message.expiresAtMs, deliverBy.atMs);
}

/** The moment at which the sender is told that the message is late. DELIVERBY in mode N may set it earlier. */
export function tellDelayAtMs(message: QueuedMessage, options: SchedulerOptions): number {
  // A message that asked to be held (RFC 4865) is not late before its hold ends.
  const startedAtMs = Math.max(message.receivedAtMs, message.parameters.holdUntilMs ?? 0);
  const usual = startedAtMs + options.delayWarningMs;
  const deliverBy = message.parameters.deliverBy;
  return deliverBy?.mode === 'notify' ? Math.min(usual, deliverBy.atMs) : usual;
}

/**
 * The next moment to try: the wait of this attempt, stretched by the jitter. It is cut at the moments at which
 * something is due anyway, the delay warning and the end of the lifetime, so that neither comes late by a whole wait.
 */
export function nextRetryAtMs(input: RetryInput, options: SchedulerOptions): number {
  const { message, recipient, nowMs } = input;
  const delays = input.retryDelaysMs ?? options.retryDelaysMs;
  const delayMs = delays[Math.min(Math.max(recipient.attempts, 1), delays.length) - 1] ?? 60_000;
  let atMs = nowMs + Math.round(delayMs * (1 + options.retryJitter * input.random));
  const tellAtMs = tellDelayAtMs(message, options);
  if (!recipient.isDelayTold && tellAtMs > nowMs) atMs = Math.min(atMs, tellAtMs);
  return Math.max(nowMs + 1, Math.min(atMs, giveUpAtMs(message)));
}
