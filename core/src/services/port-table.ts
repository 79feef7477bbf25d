/**
 * The open ports of a process. A generation listens through a view of its own; on a reload a port that both
 * generations name keeps its socket: new connections go to the new one, open ones stay where they are.
 */
import { setMaxListeners } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { MailError, messageOf } from '../errors.js';
import { createAcceptFailures } from './accept-failures.js';
import type { Listeners, ListenOptions, OpenListener } from './listeners.js';
import { type ServeServices, serveSocket } from './serve-socket.js';

/** The listeners of one generation. */
export interface GenerationListeners extends Listeners {
  /** From now on new connections are this generation's; ports that it does not name are closed. */
  takeOver(): Promise<void>;
  /** Gives back what it had claimed and closes what it had opened. */
  abandon(): Promise<void>;
  /** Tells open connections to come to an end. */
  askToEnd(): void;
  readonly connections: number;
  /** Resolves when no connection of this generation is open. */
  whenIdle(): Promise<void>;
}

/** All ports of a process. */
export interface PortTable {
  forGeneration(services: ServeServices): GenerationListeners;
  /** Closes every port; open connections stay. */
  closeAll(): Promise<void>;
  /** Tells the open connections of all generations to come to an end. */
  askAllToEnd(): void;
  /** Destroys the connections of all generations that are still open. */
  destroyAll(): void;
}

interface Claim {
  readonly options: ListenOptions;
  readonly owner: Owner;
}

interface Port {
  readonly key: string;
  readonly server: Server;
  current: Claim;
  next: Claim | undefined;
}

interface Owner {
  readonly services: ServeServices;
  readonly controller: AbortController;
  readonly sockets: Set<Socket>;
  readonly counts: Map<string, number>;
  readonly idle: (() => void)[];
}

/** Tells connections to end. Each listens until it is over: there may be any number of them. */
function stopper(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** A table without ports; `socketsMax` bounds the connections of all ports together. */
export function createPortTable(socketsMax: number): PortTable {
  const ports = new Map<string, Port>();
  const owners = new Set<Owner>();
  let owner: Owner | undefined;
  const isFull = (): boolean => {
    let sockets = 0;
    for (const one of owners) sockets += one.sockets.size;
    return sockets >= socketsMax;
  };
  // `close` frees the port at once; its callback would wait for the open connections too.
  const close = (port: Port) => {
    ports.delete(port.key);
    port.server.close();
  };
  return {
    async closeAll() {
      for (const port of [...ports.values()]) close(port);
    },
    askAllToEnd() {
      for (const one of owners) one.controller.abort();
    },
    destroyAll() {
      for (const one of owners) for (const socket of one.sockets) socket.destroy();
    },
    forGeneration(services) {
      const mine: Owner = {
        services,
        controller: stopper(),
        sockets: new Set(),
        counts: new Map(),
        idle: [],
      };
      const owned = () => [...ports.values()].filter((port) => (port.next ?? port.current).owner === mine);
      return {
        async listen(options) {
          const port = await claim(ports, { options, owner: mine }, isFull);
          return describe(port, async () => close(port));
        },
        open: () => owned().map((port) => describe(port, async () => close(port))),
        async takeOver() {
          owner = mine;
          owners.add(mine);
          for (const port of [...ports.values()]) {
            if (port.next?.owner === mine) {
              port.current = port.next;
              port.next = undefined;
            } else if (port.current.owner !== mine) close(port);
          }
        },
        async abandon() {
          owners.delete(mine);
          for (const port of [...ports.values()]) {
            if (port.next?.owner === mine) port.next = undefined;
            else if (port.current.owner === mine && owner !== mine) close(port);
          }
        },
        askToEnd: () => mine.controller.abort(),
        get connections() {
          return mine.sockets.size;
        },
        whenIdle: () =>
          mine.sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => mine.idle.push(resolve)),
      };
    },
  };
}

async function claim(ports: Map<string, Port>, wanted: Claim, isFull: () => boolean): Promise<Port> {
  const { name, host = '', port: number } = wanted.options;
  const key = `${host}:${number === 0 ? `0/${name}` : number}`;
  const known = ports.get(key);
  if (known !== undefined) {
    if (known.current.owner === wanted.owner || known.next?.owner === wanted.owner) {
      throw new MailError(
        'E_LISTEN',
        `two listeners want the same port: ${host === '' ? 'any address' : host}:${number}`,
      );
    }
    known.next = wanted;
    return known;
  }
  const server = createServer({ noDelay: true });
  const opened: Port = { key, server, current: wanted, next: undefined };
  server.on('connection', (socket) => {
    if (isFull()) turnAway(opened.current, socket);
    else accept(opened.current, socket);
  });
  await listenOn(
    server,
    wanted.options,
    createAcceptFailures(name, () => opened.current.owner.services),
  );
  ports.set(key, opened);
  return opened;
}

function accept(claimed: Claim, socket: Socket): void {
  const { options, owner } = claimed;
  const open = owner.counts.get(options.name) ?? 0;
  if (open >= (options.connectionsMax ?? Number.POSITIVE_INFINITY)) {
    turnAway(claimed, socket);
    return;
  }
  owner.counts.set(options.name, open + 1);
  owner.sockets.add(socket);
  socket.once('close', () => {
    owner.counts.set(options.name, (owner.counts.get(options.name) ?? 1) - 1);
    owner.sockets.delete(socket);
    if (owner.sockets.size === 0) for (const resolve of owner.idle.splice(0)) resolve();
  });
  void serveSocket(socket, options, owner.controller.signal, owner.services);
}

/** An overloaded server spends nothing on a connection: one line, no handshake, nobody is waited for. */
function turnAway({ options, owner }: Claim, socket: Socket): void {
  owner.services.metrics
    .counter(
      'postroad_overloads_total',
      'Connections turned away by a limit of the listener or the process.',
      {
        listener: options.name,
      },
    )
    .increase();
  socket.on('error', () => socket.destroy());
  // Who waits for TLS could not read it.
  const text = options.tls === 'implicit' ? '' : (options.overloadText ?? '');
  socket.end(text, () => socket.destroy());
}

function listenOn(server: Server, options: ListenOptions, onFault: (error: Error) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const place = `${options.host ?? 'any address'}:${options.port}`;
    const onError = (cause: Error) =>
      reject(
        new MailError('E_LISTEN', `${options.name} can't listen on ${place}: ${explain(cause)}`, { cause }),
      );
    server.once('error', onError);
    server.listen(
      { port: options.port, ...(options.host === undefined ? {} : { host: options.host }) },
      () => {
        server.off('error', onError);
        // Accepting can fail later (no file descriptors left): the port stays open, the failure is told.
        server.on('error', onFault);
        resolve();
      },
    );
  });
}

function explain(cause: Error): string {
  const { code } = cause as { code?: string };
  if (code === 'EADDRINUSE') return 'another program uses the port';
  if (code === 'EACCES') return 'ports below 1024 need privileges';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have the address';
  return messageOf(cause);
}

function describe(port: Port, close: () => Promise<void>): OpenListener {
  const { options } = port.next ?? port.current;
  const address = port.server.address();
  const number = typeof address === 'object' && address !== null ? address.port : options.port;
  const host = typeof address === 'object' && address !== null ? address.address : (options.host ?? '');
  const { name, protocol, role, tls } = options;
  return { name, host, port: number, protocol, role, tls, close };
}
