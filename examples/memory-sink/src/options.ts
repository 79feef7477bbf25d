/** What the sink can be told. */
import { parseArgs } from 'node:util';

/** How the sink is to be run. */
export interface SinkOptions {
  readonly host: string;
  readonly ports: { readonly smtp: number; readonly imap: number; readonly pop3: number };
  /** Messages kept; the oldest go first. */
  readonly messagesMax: number;
  readonly logLevel: 'info' | 'warn';
}

/** What `--help` prints. */
export const help = `The memory sink: takes every message for every address and keeps it in memory, to be read by tests.

Usage: node examples/memory-sink/dist/main.js [options]

  --host ADDRESS   a loopback address to listen on (127.0.0.1)
  --smtp PORT      where programs send (1025); any login and password will do
  --imap PORT      where all of it can be read, login sink, password sink (1143)
  --pop3 PORT      the same over POP3 (1110)
  --keep NUMBER    how many messages to keep; the oldest go first (1000)
  --verbose        log what happens
  --help           this text`;

/** Reads the flags; throws with a sentence that says what is wrong. */
export function readOptions(args: readonly string[]): SinkOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      host: text,
      smtp: text,
      imap: text,
      pop3: text,
      keep: text,
      verbose: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  return {
    host: values.host ?? '127.0.0.1',
    ports: {
      smtp: readNumber('--smtp', values.smtp ?? '1025', 0, 65_535),
      imap: readNumber('--imap', values.imap ?? '1143', 0, 65_535),
      pop3: readNumber('--pop3', values.pop3 ?? '1110', 0, 65_535),
    },
    messagesMax: readNumber('--keep', values.keep ?? '1000', 1, 1_000_000),
    logLevel: values.verbose === true ? 'info' : 'warn',
  };
}

function readNumber(flag: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max)
    throw new Error(`${flag} ${text}: say a number from ${min} to ${max}`);
  return number;
}
