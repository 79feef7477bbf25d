/** Notices of changed mailboxes across processes. */
import { token } from '../di/token.js';
import type { ChangeNotice } from './mailbox-store.js';

/**
 * Carries notices to the other processes that share the mailboxes: workers of this machine by the core, other machines by
 * a plugin. A notice may come late, twice or, when the way was cut, not at all: then `gap` is told.
 */
export interface Changes {
  /** Tells the others; never throws, never waits. */
  publish(notice: ChangeNotice): void;
  /** Hears what others told; returns how to stop. */
  subscribe(listener: ChangesListener): () => void;
}

/** Who hears. */
export interface ChangesListener {
  notice(notice: ChangeNotice): void;
  /** Notices may have been lost: look at everything that is watched. */
  gap(): void;
}

/** The token of the changes. */
export const Changes = token<Changes>('core.changes');
