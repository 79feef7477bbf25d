/** The server's side of the control socket. */
import { createServer, type Socket } from 'node:net';
import { isMailError, MailError, messageOf } from '../errors.js';
import type { Logger } from '../services/logger.js';
import { bindSocket } from './bind-socket.js';
import { splitLines } from './line-splitter.js';
import {
  type ControlAnswer,
  type ControlHandler,
  type ControlRequest,
  controlLimits,
  readRequest,
} from './protocol.js';

/** What a control server is made of. */
export interface ControlServerOptions {
  /** Path of the unix socket; its directory is made with mode 0700 when it is missing. */
  readonly socket: string;
  /** By command name, such as `queue.list`. */
  readonly handlers: Readonly<Record<string, ControlHandler>>;
  readonly log: Logger;
}

/** A listening control socket. */
export interface ControlServer {
  readonly socket: string;
  /** Stops listening, says what is still to be said, closes the connections and removes the socket. */
  close(): Promise<void>;
}

/**
 * Listens for commands. Whoever can open the socket may do everything, so its mode is 0600 from the start. Throws
 * `E_CONTROL` when another server is alive on the socket.
 */
export async function createControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, options);
  });
  server.maxConnections = controlLimits.connectionsMax;
  const bound = await bindSocket(server, options.socket);
  // Such as too many open files at an accept: the next one may succeed.
  server.on('error', (error) => options.log.warn('control socket failed', { error }));
  return {
    socket: options.socket,
    async close() {
      await bound.remove();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroySoon();
      await closed;
    },
  };
}

function serve(socket: Socket, options: ControlServerOptions): void {
  const gone = new AbortController();
  const waiting: string[] = [];
  let isBusy = false;
  const work = async () => {
    if (isBusy) return;
    isBusy = true;
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
      await answer(line, socket, options, gone.signal);
    }
    isBusy = false;
  };
  const lines = splitLines(controlLimits.requestOctetsMax, (line) => {
    waiting.push(line);
    work().catch((error: unknown) => options.log.error('control request failed', { error }));
  });
  socket.on('data', (chunk) => {
    if (lines.push(chunk) && waiting.length <= controlLimits.waitingMax) return;
    write(socket, {
      id: null,
      error: { code: 'E_USAGE', message: 'the request is too long, or there are too many' },
    });
    socket.destroySoon();
  });
  // A client that goes away in the middle is its own business; `close` follows.
  socket.on('error', (error) => options.log.debug('control connection failed', { error }));
  socket.once('close', () => {
    waiting.length = 0;
    gone.abort(new MailError('E_CONTROL', 'the client is gone'));
  });
}

async function answer(
  line: string,
  socket: Socket,
  options: ControlServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const request = readRequest(line);
  if (request === undefined) {
    write(socket, { id: null, error: { code: 'E_USAGE', message: 'this is no request' } });
    return;
  }
  const { id, command } = request;
  try {
    const result = await carryOut(request, socket, options.handlers, signal);
    write(socket, { id, result: result ?? null });
    options.log.debug('control command done', { command });
  } catch (error) {
    if (signal.aborted) return;
    if (!isMailError(error)) options.log.error('control command failed', { command, error });
    write(socket, {
      id,
      error: { code: isMailError(error) ? error.code : 'E_CONTROL', message: messageOf(error) },
    });
  }
}

async function carryOut(
  request: ControlRequest,
  socket: Socket,
  handlers: ControlServerOptions['handlers'],
  signal: AbortSignal,
): Promise<unknown> {
  const handler = Object.hasOwn(handlers, request.command) ? handlers[request.command] : undefined;
  if (handler === undefined) {
    throw new MailError('E_USAGE', `the running server does not know the command ${request.command}`);
  }
  return handler(request.arguments, {
    signal,
    async page(page) {
      signal.throwIfAborted();
      if (!write(socket, { id: request.id, page })) await drained(socket, signal);
    },
  });
}

function write(socket: Socket, answered: ControlAnswer): boolean {
  if (!socket.writable) return true;
  return socket.write(`${JSON.stringify(answered)}\n`);
}

function drained(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = () => {
      socket.off('drain', onDrain);
      reject(signal.reason);
    };
    socket.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
