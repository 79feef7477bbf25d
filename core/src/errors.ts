/** The one error type of the framework. What a peer may see is in `reply`; everything else is for the log. */
import type { Reply } from './values/reply.js';

const brand = Symbol.for('postroad.MailError');

/** Every code that the framework throws, with its meaning; `docs/errors.md` is made from this table. */
export const errorCodes = {
  E_CONFIG: 'The configuration has a value that its schema refuses; the message names file, path and plugin.',
  E_CONFIG_FILE: 'A configuration file is missing, unreadable or not of a known kind.',
  E_PLUGIN_INVALID: 'What a configuration names is not a plugin, or is made for another version of the core.',
  E_PLUGIN_LOAD: 'A plugin could not be loaded; the message names the package or path and the reason.',
  E_PLUGIN_DUPLICATE: 'Two plugins of one scope have the same name.',
  E_PLUGIN_SETUP: 'A plugin threw in its setup.',
  E_HOOK_UNKNOWN: 'A tap names a hook that does not exist.',
  E_HOOK_SCOPE: 'A plugin of a listener taps a hook that runs for the whole server.',
  E_TAP_ORDER: 'The wishes of taps about their order contradict each other.',
  E_TAP_FAILED: 'A tap threw or rejected; the decision was deferred.',
  E_TAP_DEADLINE: 'A tap did not answer within its deadline; the decision was deferred.',
  E_TOKEN_MISSING: 'A plugin needs a service that nobody provides.',
  E_TOKEN_DUPLICATE: 'Two plugins of one scope provide the same service.',
  E_TOKEN_UNDECLARED:
    'A plugin provided a service that it did not declare, or did not provide one that it declared.',
  E_CYCLE: 'Plugins or services need each other in a circle.',
  E_LIFECYCLE_DEADLINE: 'A plugin did not finish a step of its lifecycle in time.',
  E_START: 'The server could not start; what had been started was undone.',
  E_STATE: 'The call does not fit the state of the server, such as a reload before the start.',
  E_LISTEN: 'A listener could not open its port.',
  E_TLS: 'A certificate or key could not be read or does not fit.',
  E_REFUSED: 'A message handed in from code was refused; its reply says why.',
  E_SPOOL: 'A message body could not be written to disk.',
  E_BODY_TOO_LARGE: 'A message body is larger than allowed.',
  E_QUEUE_STORE: 'The queue could not be read or written.',
  E_QUEUE_RECORD: 'A record of the queue could not be read; it was set aside.',
  E_QUEUE_ARCHIVE: 'The queue could not be exported to a file or imported from it.',
  E_NOT_FOUND: 'There is no such message, mailbox, account, record or command.',
  E_MAILBOX_EXISTS: 'A mailbox of that name exists already.',
  E_MAILBOX_NAME: 'A mailbox can not have that name.',
  E_MAILBOX_STORE: 'The mailbox store could not be read or written.',
  E_BODIES: 'Bodies that are kept outside of a database could not be written, read or removed for now.',
  E_QUOTA: 'The account has no room for the message.',
  E_DNS: 'A name could not be looked up for now.',
  E_COUNTERS: 'Shared counters could not be read or written for now.',
  E_PEER:
    'A program that was asked, such as a filter, was not reached, broke off, took too long or answered nonsense.',
  E_CONTROL: 'The running server could not be reached over its control socket, or refused the command.',
  E_DIRECTORY: 'The accounts could not be read, written or asked for now.',
  E_USAGE: 'A command was called with wrong arguments.',
} as const;

/** A code of the table. */
export type ErrorCode = keyof typeof errorCodes;

/** Options of a `MailError`. */
export interface MailErrorOptions {
  readonly cause?: unknown;
  readonly reply?: Reply;
}

/** An error with a code from the one table. Recognise it with `isMailError`, never with `instanceof`. */
export class MailError extends Error {
  readonly code: ErrorCode;
  readonly reply: Reply | undefined;

  constructor(code: ErrorCode, message: string, options: MailErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MailError';
    this.code = code;
    this.reply = options.reply;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Whether it is a `MailError`, of this copy of the core or of another; with `code`, whether it is that one. */
export function isMailError(error: unknown, code?: ErrorCode): error is MailError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as unknown as MailError).code === code;
}

/** The text of anything that was thrown. Of a `fetch` that failed it is the reason, which stands one level below. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== 'fetch failed' || !(error.cause instanceof Error)) return error.message;
  const { message, code = '' } = error.cause as NodeJS.ErrnoException;
  // Where several addresses were tried in vain there is no text, only a code.
  return `fetch failed: ${message === '' ? code : message}`;
}
