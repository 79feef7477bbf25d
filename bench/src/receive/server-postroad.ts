/** Our receiver with a policy that takes everything and keeps nothing. */
import { createServer } from 'node:net';
import {
  type Body,
  type BodyWriter,
  bodyFromBytes,
  ConnectionState,
  createReceiver,
  defaultReceiverLimits,
  type Logger,
  type Metrics,
  type ReceiverPolicy,
  reply,
  TransactionState,
} from '@postroad/core';
import { reportServer } from './server-process.js';

const ok = { reply: reply(250, '0.0', 'ok') };
const oneOk = [ok];
const empty: Body = bodyFromBytes(Buffer.from('\r\n'));

const policy: ReceiverPolicy = {
  connect: () => undefined,
  hello: () => undefined,
  vouch: (_connection, login) => ({ accountId: login, login, mechanism: 'XCLIENT' }),
  logins: { mechanisms: () => [], start: () => undefined },
  begin: (connection, reversePath, parameters) => ({
    ...ok,
    transaction: new TransactionState('bench', connection, reversePath, parameters),
  }),
  recipient(transaction, recipient) {
    transaction.recipients.push(recipient);
    return ok;
  },
  dataStart: () => undefined,
  body: () => new Discard(),
  message: () => oneOk,
  refused() {},
  closed() {},
};

class Discard implements BodyWriter {
  sizeBytes = 0;
  write(chunk: Uint8Array): boolean {
    this.sizeBytes += chunk.length;
    return true;
  }
  async drained(): Promise<void> {}
  finish(): Body {
    return empty;
  }
  async abort(): Promise<void> {}
}

const log: Logger = { debug() {}, info() {}, warn() {}, error: console.error, child: () => log };
const nothing = { increase() {}, set() {}, add() {} };
const metrics: Metrics = { counter: () => nothing, gauge: () => nothing, samples: () => [] };

const receiver = createReceiver({
  hostname: 'bench.example',
  protocol: 'smtp',
  tls: 'none',
  isTlsRequired: false,
  hasAuth: false,
  isPlaintextAuthAllowed: false,
  profile: 'strict',
  greetingDelayMs: 0,
  limits: {
    ...defaultReceiverLimits,
    messagesPerConnectionMax: 1_000_000,
    connectionsPerAddressMax: 10_000,
    connectionsPerNetworkMax: 10_000,
  },
  policy,
  clock: {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs).unref();
      return { cancel: () => clearTimeout(timer) };
    },
    sleep: () => Promise.resolve(),
  },
  log,
  metrics,
});

const running = new AbortController();
let count = 0;
reportServer(
  createServer((socket) => {
    const connection = new ConnectionState({
      id: `bench-${count++}`,
      protocol: 'smtp',
      role: 'relay',
      listener: 'bench',
      remoteAddress: socket.remoteAddress ?? '',
      remotePort: socket.remotePort ?? 0,
      localAddress: '127.0.0.1',
      localPort: 0,
      openedAtMs: 0,
    });
    const startTls = () => Promise.reject(new Error('not offered'));
    receiver.serve({ socket, connection, startTls }, running.signal);
  }),
);
