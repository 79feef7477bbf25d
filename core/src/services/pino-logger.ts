/** The default logger: JSON lines on standard error. The one importer of pino. */
import { destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { isMailError } from '../errors.js';
import { gatherLines, type LogLines } from './log-lines.js';
import type { LogFields, Logger } from './logger.js';

/** How much to log. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * A logger that writes one JSON object a line, to standard error unless told otherwise. There, lines of debug and info wait
 * for the end of the turn; a function gets each line as it comes.
 */
export function createLogger(
  level: LogLevel = 'info',
  to: LogLines | ((line: string) => void) = standardError(),
): Logger {
  const lines: LogLines = typeof to === 'function' ? { write: to, flush: () => {} } : to;
  const options = {
    level,
    base: null,
    messageKey: 'event',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: describeError },
  };
  return wrap(pino(options, lines), lines);
}

let standard: LogLines | undefined;

/** One for the process: standard error is one, and so its lines keep their order. */
function standardError(): LogLines {
  if (standard !== undefined) return standard;
  const target = destination({ dest: 2, sync: true });
  standard = gatherLines((lines) => void target.write(lines));
  return standard;
}

function wrap(inner: PinoLogger, lines: LogLines): Logger {
  return {
    debug: (event, fields) => inner.debug(fields ?? {}, event),
    info: (event, fields) => inner.info(fields ?? {}, event),
    warn(event, fields) {
      inner.warn(fields ?? {}, event);
      lines.flush();
    },
    error(event, fields) {
      inner.error(fields ?? {}, event);
      lines.flush();
    },
    child: (fields: LogFields) => wrap(inner.child(fields), lines),
  };
}

/** An error with its causes, without the stack of those that are ours and expected. */
function describeError(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('message' in error)) return error;
  const { message, code, stack, cause } = error as {
    message: unknown;
    code?: unknown;
    stack?: unknown;
    cause?: unknown;
  };
  return {
    message,
    ...(code === undefined ? {} : { code }),
    ...(isMailError(error) ? {} : { stack }),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}
