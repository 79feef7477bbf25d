/** What a session is sent, read step by step: chunks into lines, lines into commands, data into the message. */
import type { Socket } from 'node:net';
import type { Conversation } from './conversation.js';
import { LineReader } from './line-reader.js';
import { replies } from './replies.js';
import { refuseLine, runCommand } from './run-command.js';

/** RFC 4954 section 4.3 wants this much for a line of an AUTH exchange. */
const authLineOctetsMax = 12_288;

/** Holds the chunk under way. Bounded by pausing the socket as soon as something comes that can't be read yet. */
export class SessionReader {
  /** The client has said that it sends nothing more. */
  hasEnded = false;
  /** Who takes the next line in place of a command. */
  nextLine: ((line: string) => void) | undefined;
  /** Octets to come that nobody wants. */
  discarding = 0;
  readonly #lines = new LineReader();
  #queued: Buffer[] | undefined;
  #chunk: Buffer | undefined;
  #at = 0;
  #shared: Buffer | undefined;
  #paused: Socket | undefined;

  get hasInput(): boolean {
    return this.#chunk !== undefined;
  }

  /** Whether something has come behind the line that was read last. */
  get hasMore(): boolean {
    const chunk = this.#chunk;
    return chunk !== undefined && (this.#at < chunk.length || (this.#queued?.length ?? 0) > 0);
  }

  /** Takes what has come. A shared chunk is the reader's only until `keepRest`. */
  push(chunk: Buffer, isShared: boolean, socket: Socket): void {
    if (this.#chunk === undefined) {
      this.#chunk = chunk;
      this.#at = 0;
      if (isShared) this.#shared = chunk;
      return;
    }
    this.#queued ??= [];
    this.#queued.push(isShared ? Buffer.from(chunk) : chunk);
    if (this.#paused !== undefined) return;
    this.#paused = socket;
    socket.pause();
  }

  /** Copies what has not been read of a shared chunk, which will be read into again. */
  keepRest(): void {
    const chunk = this.#shared;
    this.#shared = undefined;
    if (chunk === undefined || this.#chunk !== chunk || this.#current() !== chunk) return;
    this.#chunk = Buffer.from(chunk.subarray(this.#at));
    this.#at = 0;
  }

  /** Lets more come, when all has been read. */
  resume(): void {
    const paused = this.#paused;
    if (paused === undefined || this.#chunk !== undefined) return;
    this.#paused = undefined;
    paused.resume();
  }

  /** Drops everything, a line that has come in part too. */
  clear(): void {
    this.#chunk = undefined;
    this.#queued = undefined;
    this.#paused = undefined;
    this.nextLine = undefined;
    this.#lines.reset();
  }

  /** Reads one line or the data there is; `false` when there is nothing to read. */
  readSome(session: Conversation, isDraining: boolean): boolean {
    const { phase } = session.times;
    if (isDraining && phase === 'command' && this.discarding === 0) {
      session.say(replies.shutdown);
      return true;
    }
    const chunk = this.#current();
    if (chunk === undefined) {
      if (!this.hasEnded) return false;
      session.end();
    } else if (this.discarding > 0) this.#discard(session, chunk);
    else if (phase === 'command') this.#readLine(session, chunk);
    else this.#readMessage(session, chunk);
    return true;
  }

  #current(): Buffer | undefined {
    if (this.#chunk !== undefined && this.#at >= this.#chunk.length) {
      this.#chunk = this.#queued?.shift();
      this.#at = 0;
    }
    return this.#chunk;
  }

  #readLine(session: Conversation, chunk: Buffer): void {
    const take = this.nextLine;
    const { options } = session.shared;
    const { commandOctetsMax } = options.limits;
    // A token in an initial response is longer than any other command.
    const mayAuthenticate = options.hasAuth && session.peer.identity === undefined;
    const octetsMax = take !== undefined || mayAuthenticate ? authLineOctetsMax : commandOctetsMax;
    const lines = this.#lines;
    this.#at = lines.read(chunk, this.#at, octetsMax);
    if (!lines.isComplete) return;
    session.times.touch(session.shared.nowMs);
    this.nextLine = undefined;
    const { problem } = lines;
    if (problem !== undefined && (problem !== 'bare' || session.shared.isStrict))
      refuseLine(session, problem, take !== undefined);
    else if (take === undefined && isTooLong(lines.line, commandOctetsMax))
      refuseLine(session, 'long', false);
    else if (take === undefined) runCommand(session, lines.line, this.hasMore);
    else take(lines.line);
  }

  #discard(session: Conversation, chunk: Buffer): void {
    const octets = Math.min(this.discarding, chunk.length - this.#at);
    this.discarding -= octets;
    this.#at += octets;
    session.times.touch(session.shared.nowMs);
  }

  #readMessage(session: Conversation, chunk: Buffer): void {
    session.times.touch(session.shared.nowMs);
    if (session.incoming === undefined) throw new Error('no message is under way');
    const at = session.incoming.read(chunk, this.#at);
    // A STARTTLS or an end may have dropped the chunk meanwhile.
    if (this.#chunk === chunk) this.#at = at;
  }
}

function isTooLong(line: string, octetsMax: number): boolean {
  return line.length > octetsMax && !/^AUTH /i.test(line);
}
