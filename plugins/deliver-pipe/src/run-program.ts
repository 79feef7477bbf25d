/** Running one program with a message on its standard input. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock, QueuedMessage } from '@postroad/core';
import type { CheckedCommand } from './config.js';
import type { ProgramEnd } from './exit-status.js';

/** What is run. */
export interface ProgramRun {
  readonly command: CheckedCommand;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly message: QueuedMessage;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Octets of what the program says that are kept. */
const wordsOctetsMax = 1_000;

/** Runs it to its end. Rejects when it can not be started, or when the message can not be read. */
export async function runProgram(run: ProgramRun): Promise<ProgramEnd> {
  const { command, message, signal } = run;
  const child = spawn(command.command, [...run.args], {
    // No shell: what an address says is an argument, never a command. Nothing of our environment is handed on.
    env: run.environment,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(command.uid !== undefined && { uid: command.uid }),
    ...(command.gid !== undefined && { gid: command.gid }),
  });
  const kill = () => child.kill('SIGKILL');
  const timer = run.clock.after(command.timeoutMs, kill);
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  let words = '';
  const listen = (chunk: Buffer) => {
    if (words.length < wordsOctetsMax) words += chunk.toString('utf8');
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, by) => resolve({ code, signal: by, words: firstLine(words) }));
  });
  try {
    // A program need not read its input to the end; what counts is how it ends.
    const [end] = await Promise.all([ended, feed(message, child.stdin).catch(ignoreClosedPipe)]);
    return end;
  } finally {
    kill();
    timer.cancel();
    signal.removeEventListener('abort', kill);
  }
}

async function feed(message: QueuedMessage, input: NodeJS.WritableStream): Promise<void> {
  await pipeline(Readable.from(contentOf(message), { objectMode: false }), input);
}

async function* contentOf(message: QueuedMessage): AsyncGenerator<Uint8Array> {
  if (message.headerPrefix !== '') yield Buffer.from(message.headerPrefix);
  yield* message.body.open();
}

function ignoreClosedPipe(error: unknown): void {
  const { code } = error as { code?: unknown };
  if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
}

function firstLine(text: string): string {
  return (text.trim().split(/\r?\n/)[0] ?? '').slice(0, 200);
}
