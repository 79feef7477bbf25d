/** A receiver on a real port with a policy that takes everything, for tests of the protocol alone. */
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Body } from '../body/body.js';
import { readBody } from '../body/body.js';
import { createBodyWriter } from '../body/body-writer.js';
import { ConnectionState, type ListenerRole } from '../context/connection.js';
import { TransactionState } from '../context/transaction.js';
import type { ClientSocket } from '../services/listeners.js';
import { createMetrics } from '../services/metrics-registry.js';
import { systemClock } from '../services/system-clock.js';
import { createReceiver } from '../smtp/create-receiver.js';
import {
  defaultReceiverLimits,
  type ReceiverAnswer,
  type ReceiverLimits,
  type ReceiverOptions,
  type ReceiverPolicy,
} from '../smtp/receiver.js';
import type { Envelope } from '../values/envelope.js';
import { type Reply, reply } from '../values/reply.js';
import { testAuthenticator } from './test-authenticator.js';

/** A message that the test policy took. */
export interface TakenMessage {
  readonly envelope: Envelope;
  readonly content: string;
}

/** What happened at a test receiver. */
export interface TestReceiver {
  readonly port: number;
  readonly messages: readonly TakenMessage[];
  /** What the protocol refused, as `MAIL 501`. */
  readonly refusals: readonly string[];
  /** Connections that policy was asked about and told the end of. */
  readonly connections: { opened: number; closed: number };
  /** Asks all sessions to end at the next command boundary. */
  drain(): void;
  close(): Promise<void>;
}

/** What to change of the receiver and its policy. */
export interface TestReceiverOptions extends Partial<Omit<ReceiverOptions, 'limits' | 'policy' | 'tls'>> {
  readonly limits?: Partial<ReceiverLimits>;
  readonly policy?: Partial<ReceiverPolicy>;
  /** STARTTLS is offered with this certificate. */
  readonly certificate?: { readonly key: string; readonly cert: string };
  readonly role?: ListenerRole;
  /** What connections are made with; loopback by default. */
  readonly remoteAddress?: string;
}

const accepted: ReceiverAnswer = { reply: reply(250, '0.0', 'ok') };
const silentLog = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

/** Opens a port on loopback; bodies stay in memory. */
export async function startTestReceiver(options: TestReceiverOptions = {}): Promise<TestReceiver> {
  const { limits, policy, certificate, remoteAddress: _address, role: _role, ...others } = options;
  const messages: TakenMessage[] = [];
  const refusals: string[] = [];
  const connections = { opened: 0, closed: 0 };
  const receiver = createReceiver({
    hostname: 'mx.example.org',
    protocol: 'smtp',
    tls: certificate === undefined ? 'none' : 'starttls',
    isTlsRequired: false,
    hasAuth: false,
    isPlaintextAuthAllowed: false,
    profile: 'strict',
    greetingDelayMs: 0,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    ...others,
    limits: { ...defaultReceiverLimits, ...limits },
    policy: { ...takeEverything(messages, refusals, connections), ...policy },
  });
  const draining = new AbortController();
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const protocol = others.protocol ?? 'smtp';
    receiver.serve(clientOf(socket, { ...options, protocol }, `c${count++}`), draining.signal);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    messages,
    refusals,
    connections,
    drain: () => draining.abort(),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A policy that takes everything and writes down what happens. */
export function takeEverything(
  messages: TakenMessage[],
  refusals: string[],
  connections: { opened: number; closed: number },
): ReceiverPolicy {
  return {
    connect() {
      connections.opened++;
      return undefined;
    },
    vouch: (_connection, login) => ({ accountId: login, login, mechanism: 'XCLIENT' }),
    hello: () => undefined,
    logins: testAuthenticator(async () => ({
      status: 'refused',
      reply: reply(535, '7.8', 'wrong login or password'),
    })),
    begin: (connection, reversePath, parameters) => ({
      ...accepted,
      transaction: new TransactionState('t', connection, reversePath, parameters),
    }),
    recipient(transaction, recipient) {
      transaction.recipients.push(recipient);
      return accepted;
    },
    dataStart: () => undefined,
    body: () =>
      createBodyWriter({
        newFile: () => Promise.reject(new Error('no files')),
        inlineOctetsMax: 100_000_000,
      }),
    async message(transaction, body: Body) {
      const content = (await readBody(body, 100_000_000)).toString('latin1');
      messages.push({ envelope: transaction.envelope(), content });
      return transaction.recipients.map(() => accepted);
    },
    refused: (_connection, _transaction, at: string, refusal: Reply) => {
      refusals.push(`${at} ${refusal.code}`);
    },
    closed() {
      connections.closed++;
    },
  };
}

function clientOf(
  socket: Socket,
  options: TestReceiverOptions & { readonly protocol: 'smtp' | 'lmtp' },
  id: string,
): ClientSocket {
  const { certificate } = options;
  const connection = new ConnectionState({
    id,
    protocol: options.protocol,
    role: options.role ?? 'relay',
    listener: 'test',
    remoteAddress: options.remoteAddress ?? socket.remoteAddress ?? '',
    remotePort: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    openedAtMs: 0,
  });
  return {
    socket,
    connection,
    startTls() {
      if (certificate === undefined) return Promise.reject(new Error('no certificate'));
      const secure = new TLSSocket(socket, {
        isServer: true,
        secureContext: createSecureContext({ ...certificate, minVersion: 'TLSv1.2' }),
      });
      return new Promise((resolve, reject) => {
        secure.once('secure', () => resolve(secure));
        secure.once('error', reject);
        secure.once('close', () => reject(new Error('closed in the handshake')));
      });
    },
  };
}
