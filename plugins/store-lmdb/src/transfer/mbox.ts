/**
 * Mbox in its mboxrd form (RFC 4155 and its note on quoting): messages one behind another, each after a `From ` line,
 * lines of a message that look like one quoted with `>`. Flags stand in `Status`, `X-Status` and `X-Keywords`.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Spool } from '@postroad/core';
import { type LinePiece, linesOf } from './lines.js';
import { type ArrivingMessage, type LeavingMessage, LineWriter } from './transferred-message.js';

const statusLetters: readonly (readonly [field: string, letter: string, flag: string])[] = [
  ['Status', 'R', '\\Seen'],
  ['X-Status', 'A', '\\Answered'],
  ['X-Status', 'D', '\\Deleted'],
  ['X-Status', 'F', '\\Flagged'],
  ['X-Status', 'T', '\\Draft'],
];
const statusField = /^(status|x-status|x-keywords):\s*(.*)$/i;
const headerLineOctetsMax = 65_536;

/** Writes messages into a new file with LF line ends; refuses one that is there. Resolves to their number. */
export async function writeMbox(path: string, messages: AsyncIterable<LeavingMessage>): Promise<number> {
  let count = 0;
  async function* content(): AsyncGenerator<Uint8Array | string> {
    for await (const message of messages) {
      count++;
      yield* mboxOf(message);
    }
  }
  await pipeline(Readable.from(content()), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return count;
}

/** Reads the messages of a file; line ends become CRLF, quoting and the fields of flags are taken away. */
export async function* readMbox(path: string, spool: Spool, nowMs: number): AsyncGenerator<ArrivingMessage> {
  let open: MessageReader | undefined;
  // An empty line belongs to the message only when another line of it follows.
  let hasEmptyLine = true;
  for await (const piece of linesOf(createReadStream(path))) {
    if (hasEmptyLine && piece.startsLine && isFromLine(piece.bytes)) {
      if (open !== undefined) yield await open.finish();
      open = new MessageReader(spool, dateOf(piece.bytes) ?? nowMs);
      hasEmptyLine = false;
      continue;
    }
    if (open === undefined) continue;
    if (hasEmptyLine) await open.line({ bytes: Buffer.alloc(0), startsLine: true, endsLine: true });
    hasEmptyLine = piece.startsLine && piece.endsLine && piece.bytes.length === 0;
    if (!hasEmptyLine) await open.line(piece);
  }
  if (open !== undefined) yield await open.finish();
}

async function* mboxOf({ entry, body }: LeavingMessage): AsyncGenerator<Uint8Array | string> {
  const date = new Date(entry.internalDateMs)
    .toUTCString()
    .replace(/^(...), (..) (...) (....) (........) GMT$/, '$1 $3 $2 $5 $4');
  yield `From MAILER-DAEMON ${date}\n${statusFields(entry.flags)}`;
  let isEnded = true;
  for await (const { bytes, startsLine, endsLine } of linesOf(body.open())) {
    if (startsLine && /^>*From /.test(latin1(bytes.subarray(0, 200)))) yield '>';
    yield endsLine ? Buffer.concat([bytes, Buffer.from('\n')]) : bytes;
    isEnded = endsLine;
  }
  yield isEnded ? '\n' : '\n\n';
}

function statusFields(flags: readonly string[]): string {
  const lettersFor = (wanted: string) =>
    statusLetters
      .filter(([field, , flag]) => field === wanted && flags.includes(flag))
      .map(([, letter]) => letter);
  const keywords = flags.filter((flag) => !flag.startsWith('\\'));
  const status = `Status: ${lettersFor('Status').join('')}O\n`;
  const others = lettersFor('X-Status').join('');
  return `${status}${others === '' ? '' : `X-Status: ${others}\n`}${keywords.length === 0 ? '' : `X-Keywords: ${keywords.join(' ')}\n`}`;
}

/** One message being read. */
class MessageReader {
  readonly #writer: LineWriter;
  readonly #internalDateMs: number;
  readonly #flags: string[] = [];
  #isInHeader = true;
  #isDropping = false;

  constructor(spool: Spool, internalDateMs: number) {
    this.#writer = new LineWriter(spool);
    this.#internalDateMs = internalDateMs;
  }

  async line(piece: LinePiece): Promise<void> {
    if (this.#isInHeader && this.#takeHeaderLine(piece)) return;
    const quoted = piece.startsLine && /^>+From /.test(latin1(piece.bytes.subarray(0, 200)));
    await this.#writer.line(quoted ? { ...piece, bytes: piece.bytes.subarray(1) } : piece);
  }

  async finish(): Promise<ArrivingMessage> {
    return { body: await this.#writer.finish(), flags: this.#flags, internalDateMs: this.#internalDateMs };
  }

  /** Whether the line is one of ours and not part of the message. */
  #takeHeaderLine({ bytes, startsLine }: LinePiece): boolean {
    if (!startsLine || bytes.length > headerLineOctetsMax) return this.#isDropping;
    if (bytes.length === 0) {
      this.#isInHeader = false;
      return false;
    }
    if (bytes[0] === 0x20 || bytes[0] === 0x09) return this.#isDropping;
    const [, name, value] = statusField.exec(latin1(bytes)) ?? [];
    this.#isDropping = name !== undefined;
    if (name !== undefined) this.#flags.push(...flagsOf(name.toLowerCase(), (value ?? '').trim()));
    return this.#isDropping;
  }
}

function flagsOf(name: string, value: string): readonly string[] {
  if (name === 'x-keywords')
    return value.split(/[\s,]+/).filter((keyword) => keyword !== '' && !keyword.startsWith('\\'));
  return statusLetters
    .filter(([field, letter]) => field.toLowerCase() === name && value.includes(letter))
    .map(([, , flag]) => flag);
}

/** A line of text may begin with the word too: the one that separates has a time in it. */
function isFromLine(bytes: Uint8Array): boolean {
  return bytes[0] === 0x46 && /^From .*\d\d:\d\d/.test(latin1(bytes.subarray(0, 200)));
}

/** The date of `From sender Mon Nov 23 20:12:43 2026`, in UTC (RFC 4155). */
function dateOf(bytes: Uint8Array): number | undefined {
  const [date] = /\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/.exec(latin1(bytes)) ?? [];
  const ms = date === undefined ? Number.NaN : Date.parse(`${date} UTC`);
  return Number.isNaN(ms) ? undefined : ms;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
