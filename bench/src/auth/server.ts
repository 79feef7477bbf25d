/** A server that throws every message away, with or without the checks; in a process of its own. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { checkAuth } from '@postroad/check-auth';
import { checkDmarcPolicy } from '@postroad/check-dmarc-policy';
import {
  accept,
  createMta,
  definePlugin,
  discard,
  type Logger,
  listener,
  type PluginUse,
  queueMemory,
  type Resolver,
  storeMemory,
} from '@postroad/core';
import type { AuthOrder, AuthReport } from './messages.js';

const log: Logger = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => log };
const resolutionMs = 1;

process.on('message', (order: AuthOrder) => {
  if (order.kind === 'start') void start(order);
});
process.on('disconnect', () => process.exit());

async function start(order: Extract<AuthOrder, { kind: 'start' }>): Promise<void> {
  const verdicts = new Map<string, number>();
  const sink = definePlugin({
    name: 'bench-sink',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap(
        'message',
        (_message, findings) => {
          const result = findings[0]?.result ?? 'unchecked';
          verdicts.set(result, (verdicts.get(result) ?? 0) + 1);
          return discard('bench');
        },
        { order: 'late' },
      );
    },
  });
  const checks: readonly PluginUse[] = order.isChecked
    ? [checkAuth({ workers: order.workers }), checkDmarcPolicy()]
    : [];
  const mta = createMta(
    {
      hostname: 'bench.example',
      plugins: [queueMemory(), storeMemory(), ...checks, sink()],
      listeners: [
        listener({
          name: 'bench',
          host: '127.0.0.1',
          port: 0,
          role: 'relay',
          limits: {
            messagesPerConnectionMax: 1_000_000,
            connectionsPerAddressMax: 10_000,
            connectionsPerNetworkMax: 10_000,
          },
        }),
      ],
    },
    { log, resolver: resolverOf(order.texts) },
  );
  await mta.start();
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  let cpu = process.cpuUsage();
  process.on('message', (next: AuthOrder) => {
    if (next.kind === 'begin') {
      verdicts.clear();
      cpu = process.cpuUsage();
      delay.reset();
      delay.enable();
    }
    if (next.kind !== 'end') return;
    delay.disable();
    const { user, system } = process.cpuUsage(cpu);
    const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    tell({
      kind: 'report',
      verdicts: Object.fromEntries(verdicts),
      cpuSeconds: (user + system) / 1e6,
      delayMs: { median: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) },
    });
  });
  tell({ kind: 'ready', port: mta.listeners[0]?.port ?? 0 });
}

function tell(report: AuthReport): void {
  process.send?.(report);
}

/** DNS that answers at once: what is measured is the work, not the waiting. */
function resolverOf(texts: Readonly<Record<string, string>>): Resolver {
  return {
    mx: async () => [],
    addresses: async (name) => (name === 'client.source.test' ? ['127.0.0.1'] : []),
    txt: async (name) => [texts[name] ?? []].flat(),
    names: async () => ['client.source.test'],
  };
}
