/** Reads replies (RFC 5321 section 4.2) from the octets of a connection, with a bound on everything. */
import { type Reply, reply } from '@postroad/core';

/** A reply as it was said. */
export interface ServerReply {
  readonly code: number;
  /** The text of each line, without code and separator. */
  readonly lines: readonly string[];
}

/** RFC 5321 section 4.5.3.1.5 asks for 512 octets; some servers write more. */
const lineOctetsMax = 4_096;
const linesMax = 128;

const lf = 0x0a;
const cr = 0x0d;
const codePattern = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/s;

/** Collects lines into replies. After a problem it must not be used any more. */
export class ReplyParser {
  #rest: Buffer | undefined;
  #code = 0;
  #lines: string[] = [];

  /** Whether nothing of a next reply has been read. */
  get isEmpty(): boolean {
    return this.#rest === undefined && this.#lines.length === 0;
  }

  /** Reads a chunk and gives the replies that end in it; a string is what is wrong. */
  push(chunk: Buffer): readonly ServerReply[] | string {
    const replies: ServerReply[] = [];
    const data = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    for (;;) {
      const end = data.indexOf(lf, at);
      if (end < 0) break;
      if (end - at > lineOctetsMax) return 'a reply line is too long';
      const problem = this.#readLine(data, at, end, replies);
      if (problem !== undefined) return problem;
      at = end + 1;
    }
    if (data.length - at > lineOctetsMax) return 'a reply line is too long';
    if (at < data.length) this.#rest = Buffer.from(data.subarray(at));
    return replies;
  }

  #readLine(data: Buffer, start: number, end: number, replies: ServerReply[]): string | undefined {
    const line = data.toString('utf8', start, end > start && data[end - 1] === cr ? end - 1 : end);
    const parts = codePattern.exec(line);
    if (parts === null) return 'a line is not a reply';
    const code = Number(parts[1]);
    // RFC 5321 section 4.2.1: all lines of a reply have the same code.
    if (this.#lines.length > 0 && code !== this.#code) return 'the lines of a reply have different codes';
    this.#code = code;
    this.#lines.push(parts[3] ?? '');
    if (this.#lines.length > linesMax) return 'a reply has too many lines';
    if (parts[2] === '-') return undefined;
    replies.push({ code, lines: this.#lines });
    this.#lines = [];
    return undefined;
  }
}

/** The reply as a value of ours: the enhanced status is taken off the lines (RFC 2034 section 4). */
export function replyOf(said: ServerReply): Reply {
  const status = /^([245])\.(\d{1,3}\.\d{1,3})(?= |$)/.exec(said.lines[0] ?? '');
  // A status of another class than the code contradicts it: the code counts.
  const isFitting = status !== null && Number(status[1]) === Math.floor(said.code / 100);
  if (!isFitting) return reply(said.code, undefined, textOf(said.lines));
  const prefix = status[0];
  const lines = said.lines.map((line) =>
    line.startsWith(prefix) ? line.slice(prefix.length).trimStart() : line,
  );
  return reply(said.code, status[2], textOf(lines));
}

function textOf(lines: readonly string[]): string | readonly string[] {
  return lines.length === 1 ? (lines[0] as string) : lines.slice(0, 20);
}

/** The reply on one line, for texts that quote it. */
export function formatServerReply(said: ServerReply): string {
  return `${said.code} ${said.lines.join(' ')}`;
}
