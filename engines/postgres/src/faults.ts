/** What went wrong, told from what `pg` throws. */

/** The five characters of the server's own word for it (PostgreSQL, appendix A); `undefined` when it did not say. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** A unique index already has it. */
export function isDuplicate(error: unknown): boolean {
  return sqlState(error) === '23505';
}

/** The transaction lost against another (deadlock, serialisation, a row moved) and may simply be run again. */
export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || state === '55P03';
}

const notPrimary = '25006';

/**
 * The connection broke or the server is going away, so that nobody knows whether the statement was carried out. What
 * the server refuses to begin with (read-only, starting up) counts too: another server may take it.
 */
export function isLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return true;
  return state.startsWith('08') || state.startsWith('57P') || state === notPrimary;
}
