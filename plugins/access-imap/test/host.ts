/** A host for tests: the plugin on a loopback port, with a store in memory and one password for everybody. */
import { createServer, type Server, type Socket } from 'node:net';
import { accessImap } from '@postroad/access-imap';
import {
  type AuthenticationResult,
  type Body,
  type BodyWriter,
  bodyFromBytes,
  type ClientSocket,
  type Clock,
  ConnectionState,
  type Credentials,
  createLoginFailures,
  createStoreMemory,
  type ListenOptions,
  type Logger,
  type MailboxStore,
  MailError,
  type OpenListener,
} from '@postroad/core';
import { testAuthenticator } from '@postroad/core/testing';
import { systemClock } from './system-clock.js';

/** A running server. */
export interface TestHost extends AsyncDisposable {
  readonly port: number;
  readonly store: MailboxStore;
  /** Log lines of level error. */
  readonly errors: readonly string[];
  /** Tells all connections that the server drains. */
  drain(): void;
  /** What the server has of each client. */
  readonly sockets: ReadonlySet<Socket>;
  /** Bodies that were begun and given up or released, and whether there is room for any. */
  readonly spool: TestSpool;
  /** Files a message as a delivery would; resolves with its UID. */
  deliver(text: string, mailbox?: string, flags?: readonly string[]): Promise<number>;
}

/** What is known of the spool. */
export interface TestSpool {
  begun: number;
  ended: number;
  isFull: boolean;
}

/** The account of all tests. */
export const accountId = 'alice';

/** What a test may change. */
export interface HostOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly store?: MailboxStore;
  readonly clock?: Clock;
  /** Opens are counted here. */
  readonly onOpen?: () => void;
}

/** Stores need not know what is \Recent; with one that does not, dialogues are shorter. */
const noRecent = { firstRecent: async () => undefined };

/** Starts the plugin. Logins are any name with the password `secret`; the account is the name. */
export async function startHost(options: HostOptions = {}): Promise<TestHost> {
  const store =
    options.store ?? Object.assign(createStoreMemory({ nowMs: () => systemClock.now() }), noRecent);
  const errors: string[] = [];
  const spool: TestSpool = { begun: 0, ended: 0, isFull: false };
  const drain = new AbortController();
  const listening: Server[] = [];
  const sockets = new Set<Socket>();
  const listen = (of: ListenOptions) => listenOn(of, drain.signal, listening, sockets);
  const starts: ((signal: AbortSignal) => void | Promise<void>)[] = [];
  const schema = accessImap.definition.config;
  const checked = await schema?.['~standard'].validate({
    port: 0,
    host: '127.0.0.1',
    tls: 'none',
    plaintextAuth: true,
    ...options.config,
  });
  if (checked === undefined || checked.issues !== undefined) throw new Error(JSON.stringify(checked?.issues));
  accessImap.definition.setup({
    name: 'access-imap',
    config: checked.value as never,
    hostname: 'imap.example.org',
    listener: undefined,
    services: {
      listeners: { listen, open: () => [] },
      authenticator: testAuthenticator(judge),
      store: options.onOpen === undefined ? store : counting(store, options.onOpen),
      spool: { writer: () => memoryWriter(spool), directory: '', store: storeAll },
      clock: options.clock ?? systemClock,
      failures: createLoginFailures(systemClock),
      certificates: undefined,
    } as never,
    log: loggerInto(errors),
    metrics: undefined as never,
    tap: () => {},
    provide: () => {},
    provideClass: () => {},
    control: () => {},
    onStart: (step) => starts.push(step),
    onDrain: () => {},
    defer: () => {},
    keep: (_key, open) => open(),
  });
  for (const start of starts) await start(drain.signal);
  const address = listening[0]?.address();
  if (address === undefined || address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    store,
    errors,
    sockets,
    spool,
    drain: () => drain.abort(),
    async deliver(text, mailbox = 'INBOX', flags = []) {
      const body = bodyFromBytes(Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1'));
      const filing = { accountId, mailbox: { name: mailbox }, flags };
      const [filed] = await store.file({ prefix: '', body, internalDateMs: Date.UTC(2024, 0, 2) }, [filing]);
      if (filed?.status !== 'filed') throw new Error('not filed');
      return filed.uid;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      for (const server of listening) await new Promise((resolve) => server.close(resolve));
      await store.close();
    },
  };
}

async function judge(credentials: Credentials): Promise<AuthenticationResult> {
  if (credentials.kind !== 'password' || credentials.password !== 'secret')
    return { status: 'refused', reply: { code: 535, text: 'no' } };
  const { login, mechanism } = credentials;
  return { status: 'granted', identity: { accountId: login, login, mechanism } };
}

async function listenOn(
  of: ListenOptions,
  drain: AbortSignal,
  listening: Server[],
  sockets: Set<Socket>,
): Promise<OpenListener> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    const connection = new ConnectionState({
      id: String(sockets.size),
      protocol: of.protocol,
      role: of.role,
      listener: of.name,
      remoteAddress: '127.0.0.1',
      remotePort: socket.remotePort ?? 0,
      localAddress: '127.0.0.1',
      localPort: socket.localPort ?? 0,
      openedAtMs: systemClock.now(),
    });
    const client: ClientSocket = {
      socket,
      connection,
      startTls: () => Promise.reject(new Error('no TLS in this host')),
    };
    void Promise.resolve(of.serve(client, drain)).catch(() => socket.destroy());
  });
  listening.push(server);
  await new Promise<void>((resolve) => server.listen(of.port, of.host, resolve));
  const { name, protocol, role, tls } = of;
  return { name, host: of.host ?? '', port: 0, protocol, role, tls, close: async () => {} };
}

function memoryWriter(spool: TestSpool): BodyWriter {
  const chunks: Uint8Array[] = [];
  spool.begun++;
  return {
    write: (chunk) => chunks.push(Buffer.from(chunk)) % 2 === 0,
    drained: async () => {},
    get sizeBytes() {
      return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    },
    async finish(): Promise<Body> {
      if (!spool.isFull) return releasedInto(spool, bodyFromBytes(Buffer.concat(chunks)));
      spool.ended++;
      throw new MailError('E_SPOOL', 'the disk is full');
    },
    async abort() {
      spool.ended++;
    },
  };
}

function releasedInto(spool: TestSpool, body: Body): Body {
  let isReleased = false;
  const release = async () => {
    if (!isReleased) spool.ended++;
    isReleased = true;
  };
  return Object.assign(body, { release });
}

async function storeAll(stream: AsyncIterable<Uint8Array> | Uint8Array): Promise<Body> {
  const chunks: Uint8Array[] = [];
  if (stream instanceof Uint8Array) chunks.push(stream);
  else for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return bodyFromBytes(Buffer.concat(chunks));
}

function counting(store: MailboxStore, onOpen: () => void): MailboxStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'open') onOpen();
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function loggerInto(errors: string[]): Logger {
  const logger: Logger = {
    debug() {},
    info() {},
    warn() {},
    error(event, fields) {
      const error = fields?.error;
      errors.push(`${event}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    },
    child: () => logger,
  };
  return logger;
}

/** An error a broken store throws. */
export function brokenStoreError(): MailError {
  return new MailError('E_MAILBOX_STORE', 'the disk is broken');
}
