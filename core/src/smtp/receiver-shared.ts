/** What all sessions of one receiver share, made once. */
import { createMemoryShare } from '../services/memory-share.js';
import type { Counter, Gauge } from '../services/metrics.js';
import { createReadBuffer } from './read-socket.js';
import type { ReceiverOptions, ReceiverPolicy } from './receiver.js';
import { type ConnectionHost, createConnectionHost } from './smtp-server-base.js';

/** Counters of one receiver. */
export interface ReceiverCounters {
  readonly connections: Counter;
  readonly overloads: Counter;
  readonly refusals: Counter;
  readonly messages: Counter;
  readonly chunks: Counter;
  readonly timeouts: Counter;
  readonly open: Gauge;
  readonly memory: Gauge;
}

/** The surroundings of a session. `nowMs` is monotonic time as of the last sweep: good enough for deadlines. */
export interface ReceiverShared {
  readonly options: ReceiverOptions;
  readonly policy: ReceiverPolicy;
  readonly host: ConnectionHost;
  readonly counters: ReceiverCounters;
  readonly isLmtp: boolean;
  readonly isStrict: boolean;
  /** What the sockets of all sessions are read into, where that can be done. */
  readonly readBuffer: Buffer | undefined;
  nowMs: number;
  /** Whether there is too little memory for something new. */
  isShortOfMemory(): boolean;
}

/** Makes what the sessions of a receiver share. */
export function createShared(options: ReceiverOptions): ReceiverShared {
  const labels = {
    protocol: options.protocol,
    ...(options.name === undefined ? {} : { listener: options.name }),
  };
  const memory = options.memory ?? createMemoryShare(options.clock);
  const counter = (name: string, help: string): Counter => options.metrics.counter(name, help, labels);
  const shared: ReceiverShared = {
    options,
    policy: options.policy,
    host: createConnectionHost(options.hostname),
    counters: {
      connections: counter('receive_connections_total', 'Connections served'),
      overloads: counter('receive_overloads_total', 'Connections turned away by a limit'),
      refusals: counter('receive_refusals_total', 'Commands refused by the protocol itself'),
      messages: counter('receive_messages_total', 'Messages received whole'),
      chunks: counter('receive_chunks_total', 'Pieces of messages received by BDAT'),
      timeouts: counter('receive_timeouts_total', 'Connections ended by a deadline'),
      memory: options.metrics.gauge(
        'receive_memory_share',
        'Part of the memory in use when it was looked at last',
        labels,
      ),
      open: options.metrics.gauge('receive_connections_open', 'Connections open now', labels),
    },
    isLmtp: options.protocol === 'lmtp',
    isStrict: options.profile === 'strict',
    readBuffer: createReadBuffer(),
    nowMs: options.clock.monotonic(),
    isShortOfMemory() {
      const share = memory.share();
      shared.counters.memory.set(share);
      return share > options.limits.memoryShareMax;
    },
  };
  return shared;
}
