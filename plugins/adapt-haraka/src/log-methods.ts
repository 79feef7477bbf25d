/** The log methods that plugins, connections and the server have in Haraka: `loginfo` and its like. */
import type { LogFields, Logger } from '@postroad/core';

const levels = {
  logdata: 'debug',
  logprotocol: 'debug',
  logdebug: 'debug',
  loginfo: 'debug',
  lognotice: 'info',
  logwarn: 'warn',
  logerror: 'error',
  logcrit: 'error',
  logalert: 'error',
  logemerg: 'error',
} as const;

/** A method of Haraka's. */
export type LogMethod = keyof typeof levels;

/** The methods, with the plugin's or connection's own fields. Haraka's `info` is much, so it is `debug` here. */
export function logMethods(
  log: Logger,
  fields: () => LogFields,
): Record<LogMethod, (...args: unknown[]) => void> {
  const entries = Object.entries(levels).map(([name, level]) => {
    const write = (...args: unknown[]) => log[level]('haraka', { ...fields(), ...readArguments(args) });
    return [name, write] as const;
  });
  return Object.fromEntries(entries) as Record<LogMethod, (...args: unknown[]) => void>;
}

/** Arguments are text, errors, and the plugin or connection that speaks, in any order. */
function readArguments(args: readonly unknown[]): LogFields {
  const words: string[] = [];
  let plugin: string | undefined;
  let error: unknown;
  for (const arg of args) {
    if (typeof arg === 'string') words.push(arg);
    else if (arg instanceof Error) error = arg;
    else if (typeof arg === 'object' && arg !== null) plugin ??= nameOf(arg);
  }
  return {
    text: words.join(' ').slice(0, 2_000),
    ...(plugin !== undefined && { haraka: plugin }),
    ...(error !== undefined && { error }),
  };
}

function nameOf(value: object): string | undefined {
  const { name } = value as { name?: unknown };
  return typeof name === 'string' ? name : undefined;
}
