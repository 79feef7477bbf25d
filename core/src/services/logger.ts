/** Structured logging. */
import { token } from '../di/token.js';

/** Fields of a log line. Put an error under `error`. Never log passwords, tokens or message text. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines with fields. `event` is a stable short phrase; what varies goes into the fields. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose lines carry these fields too. */
  child(fields: LogFields): Logger;
}

/** The token of the logger. */
export const Logger = token<Logger>('core.logger');
