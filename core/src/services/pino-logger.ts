/** The default logger: JSON lines on standard error. The one importer of pino. */
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { isMailError } from '../errors.js';
import type { LogFields, Logger } from './logger.js';

/** How much to log. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A logger that writes one JSON object a line, to standard error unless told otherwise. */
export function createLogger(level: LogLevel = 'info', write?: (line: string) => void): Logger {
  const target: DestinationStream =
    write === undefined ? destination({ dest: 2, sync: true }) : { write: (line) => write(line) };
  const options = {
    level,
    base: null,
    messageKey: 'event',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: describeError },
  };
  return wrap(pino(options, target));
}

function wrap(inner: PinoLogger): Logger {
  return {
    debug: (event, fields) => inner.debug(fields ?? {}, event),
    info: (event, fields) => inner.info(fields ?? {}, event),
    warn: (event, fields) => inner.warn(fields ?? {}, event),
    error: (event, fields) => inner.error(fields ?? {}, event),
    child: (fields: LogFields) => wrap(inner.child(fields)),
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
