/** What a destination that never answers does to the others: the time from hand-in to delivery, with it and without. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { accept, createMta, definePlugin, queueMemory, reply } from '@postroad/core';

const messages = 1500;
const perSecond = 250;
const rounds = 3;

/** Prints p50 and p99 for healthy destinations without and with slow ones, turn by turn; the first turn warms up. */
export async function slowDestination(): Promise<void> {
  await latencies(0);
  const ratios: { readonly one: number[]; readonly many: number[] } = { one: [], many: [] };
  for (let round = 0; round < rounds; round++) {
    const without = await latencies(0);
    const one = await latencies(1);
    const many = await latencies(30);
    ratios.one.push(one.p99 / without.p99);
    ratios.many.push(many.p99 / without.p99);
    console.log(
      `healthy destinations alone: ${without.text}; beside 1 that hangs: ${one.text}; beside 30: ${many.text}`,
    );
  }
  const median = (of: number[]): string => (of.sort((a, b) => a - b)[rounds >> 1] ?? 0).toFixed(2);
  console.log(
    `p99 beside 1 that hangs x ${median(ratios.one)}, beside 30 x ${median(ratios.many)} (median of ${rounds})`,
  );
}

async function latencies(slow: number): Promise<{ readonly p99: number; readonly text: string }> {
  const handedIn = new Map<string, number>();
  const waits: number[] = [];
  const stopped = new AbortController();
  setMaxListeners(0, stopped.signal);
  const network = definePlugin({
    name: 'deliver-bench',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, recipient) => ({ transport: 'mx', domain: recipient.address.domain }));
      tap('deliver', async ({ recipients, route }) => {
        const domain = route.transport === 'mx' ? route.domain : '';
        if (domain.startsWith('slow')) {
          await sleep(3_600_000, undefined, { signal: stopped.signal }).catch(() => undefined);
        } else {
          await sleep(2);
          for (const { address } of recipients) {
            waits.push(performance.now() - (handedIn.get(address.localPart) ?? 0));
          }
        }
        return {
          outcomes: recipients.map(({ index }) => {
            return { index, status: 'delivered', reply: reply(250, '0.0', 'taken') } as const;
          }),
        };
      });
    },
  });
  const mta = createMta({
    hostname: 'bench.test',
    plugins: [queueMemory(), network()],
    log: { level: 'silent' },
    drainMs: 1000,
  });
  await mta.start();
  const handIn = async (localPart: string, domain: string): Promise<void> => {
    handedIn.set(localPart, performance.now());
    await mta.submit(
      { reversePath: { localPart: 'alice', domain: 'bench.test' }, recipients: [{ localPart, domain }] },
      Buffer.from('Subject: bench\r\n\r\nhello\r\n'),
    );
  };
  for (let at = 0; at < slow * 100; at++) await handIn(`slow${at}`, `slow${at % slow}.test`);
  const from = performance.now();
  for (let at = 0; at < messages; at++) {
    const aheadMs = (at * 1000) / perSecond - (performance.now() - from);
    if (aheadMs > 1) await sleep(aheadMs);
    await handIn(`u${at}`, `d${at % 50}.test`);
  }
  while (waits.length < messages) await sleep(10);
  stopped.abort();
  await mta.stop();
  waits.sort((a, b) => a - b);
  const p99 = waits[Math.floor(messages * 0.99)] ?? 0;
  return { p99, text: `p50 ${(waits[messages >> 1] ?? 0).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms` };
}
