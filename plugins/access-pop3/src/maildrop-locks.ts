/** RFC 1939 section 4: one session at a time has the maildrop of an account. */

/** Who has which maildrop, in this process. */
export interface MaildropLocks {
  /** Takes it for the session, unless another session has it. */
  acquire(accountId: string, sessionId: string): boolean;
  /** Gives back what the session has. */
  release(sessionId: string): void;
}

/** Locks of one server; they outlive its reloads. */
export function createMaildropLocks(): MaildropLocks {
  const sessionByAccount = new Map<string, string>();
  const accountBySession = new Map<string, string>();
  return {
    acquire(accountId, sessionId) {
      if (sessionByAccount.has(accountId)) return false;
      sessionByAccount.set(accountId, sessionId);
      accountBySession.set(sessionId, accountId);
      return true;
    },
    release(sessionId) {
      const accountId = accountBySession.get(sessionId);
      if (accountId === undefined) return;
      accountBySession.delete(sessionId);
      sessionByAccount.delete(accountId);
    },
  };
}
