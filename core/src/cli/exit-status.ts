/** What the command's exit status says; documented in docs/run-it.md. */
import { type ErrorCode, isMailError } from '../errors.js';

/** The statuses, after sysexits.h where it has one. */
export const exitStatus = Object.freeze({
  done: 0,
  failed: 1,
  /** Wrong arguments. */
  usage: 64,
  /** There is no such message, account or mailbox. */
  notFound: 66,
  /** The running server can't be reached, or refuses. */
  unavailable: 69,
  /** A bug of ours or of a plugin. */
  bug: 70,
  /** The configuration or the composition is wrong. */
  config: 78,
});

const statusOfCode: { readonly [Code in ErrorCode]?: number } = {
  E_USAGE: exitStatus.usage,
  E_NOT_FOUND: exitStatus.notFound,
  E_CONTROL: exitStatus.unavailable,
  E_CONFIG: exitStatus.config,
  E_CONFIG_FILE: exitStatus.config,
  E_PLUGIN_INVALID: exitStatus.config,
  E_PLUGIN_LOAD: exitStatus.config,
  E_PLUGIN_DUPLICATE: exitStatus.config,
  E_PLUGIN_SETUP: exitStatus.config,
  E_HOOK_UNKNOWN: exitStatus.config,
  E_HOOK_SCOPE: exitStatus.config,
  E_TAP_ORDER: exitStatus.config,
  E_TOKEN_MISSING: exitStatus.config,
  E_TOKEN_DUPLICATE: exitStatus.config,
  E_TOKEN_UNDECLARED: exitStatus.config,
  E_CYCLE: exitStatus.config,
};

/** The status for an error. */
export function exitStatusOf(error: unknown): number {
  if (!isMailError(error)) return exitStatus.bug;
  return statusOfCode[error.code] ?? exitStatus.failed;
}
