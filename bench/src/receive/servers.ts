/** Servers that the bench runs beside each other: ours, what we are measured against, and peers of other makers. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { TreeUse } from '../process-tree.js';
import type { ServerMessage } from './messages.js';

/** A server that runs. */
export interface BenchServer {
  readonly name: string;
  readonly port: number;
  /** It refuses what is sent on behind a message (RFC 2920 allows it). */
  readonly waitsBehindData?: boolean;
  /** Its backlog is short: clients that connect all at once would wait for ever. */
  readonly opensInTurn?: boolean;
  use(): Promise<TreeUse>;
  stop(): Promise<void>;
}

/** A server that could be run. */
export interface Candidate {
  readonly name: string;
  /** Why it can't; `undefined` when it can. */
  readonly missing?: string | undefined;
  start(): Promise<BenchServer>;
}

/** One of the servers that stand beside this file as `server-NAME.js`. */
export function ownServer(name: string, file = name): Candidate {
  return { name, start: () => startOwn(name, file) };
}

async function startOwn(name: string, file: string): Promise<BenchServer> {
  const process = fork(new URL(`./server-${file}.js`, import.meta.url));
  const ended = once(process, 'exit').then(() => [undefined]);
  const [message] = (await Promise.race([once(process, 'message'), ended])) as [ServerMessage | undefined];
  if (message?.kind !== 'ready') throw new Error(`the server ${name} did not start`);
  return { name, port: message.port, use: () => ask(process), stop: () => stopProcess(process) };
}

async function ask(process: ChildProcess): Promise<TreeUse> {
  process.send('use');
  const [message] = (await once(process, 'message')) as [ServerMessage];
  if (message.kind !== 'use') throw new Error('a server said something else');
  return message;
}

/** Ends a server of ours, which goes with its channel so that it can clean up. */
async function stopProcess(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null) return;
  const gone = once(process, 'exit');
  process.disconnect();
  await gone;
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

const greetingWaitMsMax = 120_000;

/** Waits until something greets on the port. */
export async function whenGreeting(port: number, name: string): Promise<void> {
  const endsMs = performance.now() + greetingWaitMsMax;
  while (performance.now() < endsMs) {
    if (await greets(port)) return;
    await wait(100);
  }
  throw new Error(`${name} did not greet on port ${port}`);
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (isGreeting: boolean) => {
      socket.destroy();
      resolve(isGreeting);
    };
    socket.once('data', (chunk) => settle(chunk.toString('latin1').startsWith('220')));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
