/** What the parts of the queue store contract share. */
import type { Lease, LeaseRequest, QueuedRecipient, QueueStore } from '../../services/queue-store.js';
import { sampleReceivedAtMs } from '../sample-message.js';

/** A store under test. */
export interface OpenQueueStore {
  readonly store: QueueStore;
  /** Opens what is kept again, as after a crash: the old one is left without being closed. */
  reopen(): Promise<QueueStore>;
  /** Removes everything. */
  remove(): Promise<void>;
}

/** When the tests are. */
export const nowMs = sampleReceivedAtMs;
/** Who leases. */
export const owner = 'owner-1';
/** For an hour. */
export const lease: Lease = { owner, untilMs: nowMs + 3_600_000 };

/** Opens an empty store that has started. */
export type Fresh = () => Promise<OpenQueueStore>;

/** Whatever is due. */
export function request(more: Partial<LeaseRequest> = {}): LeaseRequest {
  return { nowMs, lease, limit: 100, ...more };
}

/** Message and local part. */
export function whom(recipients: readonly QueuedRecipient[]): string[] {
  return recipients.map((one) => `${one.messageId}/${one.address.localPart}`);
}
