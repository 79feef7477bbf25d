/** Load for a queue store, in process. */
import { readFileSync } from 'node:fs';
import {
  bodyFromBytes,
  defaultEnvelopeParameters,
  type Logger,
  type NewQueuedMessage,
  type NewQueuedRecipient,
  type QueueStore,
} from '@postroad/core';

/** Says nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

const startMs = 1_700_000_000_000;
let number = 0;

/** A message like those that come by SMTP. */
export function messageOf(size: number, recipients: readonly NewQueuedRecipient[]): NewQueuedMessage {
  // Another process goes on with the same queue.
  const id = `b${process.pid}-${String(number++).padStart(10, '0')}`;
  return {
    id,
    reversePath: { localPart: 'alice', domain: 'example.org' },
    parameters: defaultEnvelopeParameters,
    headerPrefix: `Received: from client by server; ${id}\r\n`,
    body: bodyFromBytes(Buffer.from(`Subject: ${id}\r\n\r\n${'x'.repeat(size)}`)),
    origin: { protocol: 'esmtp', listener: 'bench', remoteAddress: '127.0.0.1', helloName: 'client' },
    receivedAtMs: startMs,
    expiresAtMs: startMs + 432_000_000,
    recipients,
  };
}

/** The way of a message that is delivered at once: put with a lease, settled as done. Gives messages per second. */
export async function accept(
  store: QueueStore,
  name: string,
  load: { readonly messages: number; readonly writers: number; readonly size: number },
): Promise<number> {
  const waits: number[] = [];
  let left = load.messages;
  const settling: Promise<void>[] = [];
  const writer = async (): Promise<void> => {
    while (left-- > 0) {
      const message = messageOf(load.size, [
        { address: { localPart: 'bob', domain: 'd.test' }, site: 'new' },
      ]);
      const from = performance.now();
      await store.put(message, { owner: 'bench', untilMs: startMs + 3_600_000 });
      waits.push(performance.now() - from);
      settling.push(store.settle('bench', [{ messageId: message.id, index: 0, to: 'done' }]));
    }
  };
  const cpu = process.cpuUsage();
  const from = performance.now();
  await Promise.all(Array.from({ length: load.writers }, writer));
  await Promise.all(settling);
  const seconds = (performance.now() - from) / 1000;
  const used = process.cpuUsage(cpu);
  waits.sort((a, b) => a - b);
  const at = (part: number): string => (waits[Math.floor(waits.length * part)] ?? 0).toFixed(1);
  console.log(
    `${name}: ${Math.round(load.messages / seconds)}/s with ${load.writers} writers, ` +
      `put p50 ${at(0.5)} ms p99 ${at(0.99)} ms, CPU ${Math.round((used.user + used.system) / load.messages)} us each`,
  );
  return load.messages / seconds;
}

/** Fills the queue with recipients that wait. */
export async function fill(store: QueueStore, recipients: number, destinations: number): Promise<void> {
  const perMessage = 100;
  const from = performance.now();
  let at = 0;
  const writer = async (): Promise<void> => {
    while (at < recipients) {
      const first = at;
      at += perMessage;
      const list = Array.from({ length: Math.min(perMessage, recipients - first) }, (_, index) => {
        const destination = (first + index) % destinations;
        const domain = `d${destination}.test`;
        return {
          address: { localPart: `u${index}`, domain },
          site: `mx:${domain}`,
          dueAtMs: startMs + 60_000 + (((first + index) * 7_919) % 14_400_000),
        };
      });
      await store.put(messageOf(2000, list));
    }
  };
  await Promise.all(Array.from({ length: 20 }, writer));
  const seconds = (performance.now() - from) / 1000;
  console.log(
    `filled with ${recipients} recipients of ${destinations} destinations in ${seconds.toFixed(1)} s`,
  );
}

/** Leases what is due and puts it back, as retries do. */
export async function drainSome(store: QueueStore, recipients: number): Promise<void> {
  const nowMs = startMs + 3_600_000;
  const from = performance.now();
  let given = 0;
  let calls = 0;
  while (given < recipients) {
    const lease = { owner: 'bench', untilMs: nowMs + 3_600_000 };
    const leased = await store.lease({ nowMs, lease, limit: 500, perSiteMax: 100 });
    if (leased.length === 0) break;
    calls++;
    given += leased.length;
    await store.settle(
      'bench',
      leased.map(({ messageId, index }) => {
        return { messageId, index, to: 'waiting', dueAtMs: nowMs + 7_200_000 } as const;
      }),
    );
  }
  const seconds = (performance.now() - from) / 1000;
  console.log(`leased and deferred again: ${Math.round(given / seconds)} recipients/s in ${calls} leases`);
}

/** Memory of this process: what is its own, and with the pages of files that are mapped. */
export function memory(): string {
  const { rss, heapUsed } = process.memoryUsage();
  const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;
  let own = 'unknown';
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    own = mebibytes(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024);
  } catch {
    // Only Linux tells; the other two figures are everywhere.
  }
  return `${own} its own, ${mebibytes(heapUsed)} heap, ${mebibytes(rss)} with mapped files`;
}
