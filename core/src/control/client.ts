/** The commands' side of the control socket. */
import { connect, type Socket } from 'node:net';
import { type ErrorCode, errorCodes, MailError, messageOf } from '../errors.js';
import { splitLines } from './line-splitter.js';
import { controlLimits, readAnswer } from './protocol.js';

/** A connection to the running server. */
export interface ControlClient {
  /**
   * Carries out a command; rejects with the server's error. Pages of the answer go to `onPage` as they come; no more
   * is read while a promise of it is pending.
   */
  call(command: string, given?: Readonly<Record<string, unknown>>, onPage?: OnPage): Promise<unknown>;
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Takes a page; what it returns is waited for. */
export type OnPage = (page: unknown) => unknown;

interface Pending {
  readonly onPage: OnPage | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Connects; rejects with `E_CONTROL` when no server listens there. Aborting the signal closes the connection. */
export async function connectControl(path: string, signal?: AbortSignal): Promise<ControlClient> {
  const socket = await open(path, signal);
  const pending = new Map<number, Pending>();
  let number = 0;
  const fail = (error: MailError) => {
    for (const one of pending.values()) one.reject(error);
    pending.clear();
    socket.destroy();
  };
  const lines = splitLines(controlLimits.answerOctetsMax, (line) => {
    const busy = takeAnswer(line, pending, fail);
    if (isPromise(busy)) pauseWhile(socket, busy, fail);
  });
  socket.on('data', (chunk) => {
    if (!lines.push(chunk)) fail(new MailError('E_CONTROL', 'the answer of the server is too long'));
  });
  socket.on('error', (cause) =>
    fail(new MailError('E_CONTROL', `the server is gone: ${cause.message}`, { cause })),
  );
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      fail(new MailError('E_CONTROL', 'the server closed the connection before it answered'));
      resolve();
    });
  });
  return {
    closed,
    close: () => socket.end(),
    call(command, given = {}, onPage) {
      number += 1;
      const id = number;
      return new Promise((resolve, reject) => {
        if (!socket.writable) {
          reject(new MailError('E_CONTROL', 'the connection to the server is closed'));
          return;
        }
        pending.set(id, { onPage, resolve, reject });
        socket.write(`${JSON.stringify({ id, command, arguments: given })}\n`);
      });
    },
  };
}

function takeAnswer(line: string, pending: Map<number, Pending>, fail: (error: MailError) => void): unknown {
  const answer = readAnswer(line);
  if (answer === undefined) {
    fail(new MailError('E_CONTROL', 'what listens on the control socket is not a Postroad server'));
    return;
  }
  if (answer.id === null) {
    fail(
      'error' in answer
        ? remoteError(answer.error)
        : new MailError('E_CONTROL', 'an answer without a request'),
    );
    return;
  }
  const asked = pending.get(answer.id);
  if (asked === undefined) return;
  if ('page' in answer) return asked.onPage?.(answer.page);
  pending.delete(answer.id);
  if ('error' in answer) asked.reject(remoteError(answer.error));
  else asked.resolve(answer.result);
  return;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

function pauseWhile(socket: Socket, busy: Promise<unknown>, fail: (error: MailError) => void): void {
  socket.pause();
  busy.then(
    () => socket.resume(),
    (cause: unknown) => fail(new MailError('E_CONTROL', messageOf(cause), { cause })),
  );
}

function remoteError(error: { readonly code: string; readonly message: string }): MailError {
  const code = Object.hasOwn(errorCodes, error.code) ? (error.code as ErrorCode) : 'E_CONTROL';
  return new MailError(code, error.message);
}

function open(path: string, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, ...(signal === undefined ? {} : { signal }) });
    const onError = (cause: Error) => reject(unreachable(path, cause));
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

function unreachable(path: string, cause: Error): MailError {
  const code = 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new MailError('E_CONTROL', `no server is running: nobody listens on ${path}`, { cause });
  }
  if (code === 'EACCES') {
    return new MailError('E_CONTROL', `${path} belongs to another user: run this as the server's user`, {
      cause,
    });
  }
  return new MailError('E_CONTROL', `the server can't be reached on ${path}: ${messageOf(cause)}`, { cause });
}
