/** What commands write to: tables and colours for people, JSON lines for programs. */
import { MailError } from '../errors.js';
import type { CommandTerminal } from '../plugin/command.js';
import { askHidden, createSecretReader } from './ask-secret.js';
import { createTable, type Table, type TableRow } from './table.js';

/** The streams and the environment of the process. */
export interface CliHost {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start. */
  readonly directory: string;
}

/** The terminal with what only the core's own commands use. */
export interface CliTerminal extends CommandTerminal {
  readonly hasColour: boolean;
  /** A heading for people; nothing for programs. */
  heading(text: string): void;
  /** A result that is one thing: its JSON for programs, the lines (with nothing of a peer's in them) for people. */
  whole(value: unknown, lines: readonly string[]): void;
  /** Rows that belong to the table begun before. */
  more(rows: readonly TableRow[]): void;
  /** Resolves when there is room to write more; `undefined` when there is now. */
  room(): Promise<void> | undefined;
  /** Waits until everything is written. */
  flush(): Promise<void>;
}

/** The terminal of a process. */
export function createTerminal(host: CliHost, isJson: boolean): CliTerminal {
  const { stdin, stdout, environment } = host;
  const isTerminal = stdout.isTTY === true;
  const isInteractive = isTerminal && stdin.isTTY === true;
  const hasColour = isTerminal && !isJson && !environment.NO_COLOR && environment.TERM !== 'dumb';
  const newTable = () =>
    createTable({ hasColour, width: isTerminal ? stdout.columns || undefined : undefined });
  const readSecret = createSecretReader(stdin);
  let table: Table = newTable();
  let isFull = false;
  const line = (text: string) => {
    isFull = !stdout.write(`${text}\n`);
  };
  const more = (rows: readonly TableRow[]) => {
    if (isJson) for (const row of rows) line(JSON.stringify(row));
    else for (const text of table.lines(rows)) line(text);
  };
  return {
    isJson,
    isInteractive,
    hasColour,
    print: (text) => {
      // Tables have no place among a program's lines, and neither has talk.
      if (isJson) host.stderr.write(`${text}\n`);
      else line(text);
    },
    heading: (text) => {
      if (!isJson) line(hasColour ? `\u001b[1m${text}\u001b[22m` : text);
    },
    result: (rows) => {
      table = newTable();
      more(rows);
    },
    more,
    whole: (value, lines) => {
      if (isJson) line(JSON.stringify(value));
      else for (const text of lines) line(text);
    },
    room: () => {
      if (stdout.destroyed)
        return Promise.reject(new MailError('E_USAGE', 'nobody reads the output any more'));
      return isFull ? drained(stdout) : undefined;
    },
    flush: () => new Promise((resolve) => (stdout.destroyed ? resolve() : stdout.write('', () => resolve()))),
    askSecret: (question) => (isInteractive ? askHidden(question, stdin, stdout) : readSecret()),
  };
}

/** Resolves when the stream has room, or is closed. */
function drained(stdout: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stdout.off('drain', done).off('close', done);
      resolve();
    };
    stdout.on('drain', done).on('close', done);
  });
}
