/**
 * What the built-in checks cost: messages per second and CPU of the server for each message, with none, with each alone,
 * and with all. DNS answers come from memory, so that the checks are measured and not somebody's DNS server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBayes } from '@postroad/check-bayes';
import { checkClient } from '@postroad/check-client';
import { checkContent } from '@postroad/check-content';
import { checkDnsbl } from '@postroad/check-dnsbl';
import { checkGreylist } from '@postroad/check-greylist';
import { checkRate } from '@postroad/check-rate';
import { checkScore } from '@postroad/check-score';
import {
  accept,
  createMta,
  definePlugin,
  discard,
  type Mta,
  noteFinding,
  type PluginUse,
  queueMemory,
  type Resolver,
} from '@postroad/core';
import { type Load, median, startLoad } from '../receive/measure.js';

const rounds = 7;
const order = { mode: 'plain', connections: 10, octets: 10_240, isDotted: false, durationMs: 700 } as const;

/** Every message is judged whole and then dropped, so that no queue is measured. */
const sink = definePlugin({
  name: 'deliver-sink',
  setup({ tap }) {
    tap('recipient', () => accept(), { order: 'late' });
    tap('reversePath', (transaction) => {
      noteFinding(transaction, { source: 'spf', result: 'pass' });
      return undefined;
    });
    tap('message', () => discard('bench'), { order: 'late', after: ['check-score'] });
  },
});

const resolver: Resolver = {
  mx: async () => [],
  txt: async () => [],
  names: async () => ['bench.example'],
  addresses: async (name) => (name === 'bench.example' ? ['127.0.0.1'] : []),
};

const everybody = { exemptClients: [] };
const many = { units: 1_000_000_000, perMs: 1_000 };

function compositions(directory: string): Readonly<Record<string, readonly PluginUse[]>> {
  const each: Readonly<Record<string, PluginUse>> = {
    'check-client': checkClient({ ...everybody, greetingWaitMs: 0, bareHello: 0 }),
    'check-dnsbl': checkDnsbl({
      ...everybody,
      lists: [
        { zone: 'one.example', hasTestEntries: false },
        { zone: 'two.example', hasTestEntries: false },
        { zone: 'domains.example', of: ['sender', 'helo', 'from'], hasTestEntries: false },
      ],
    }),
    'check-rate': checkRate({
      limits: [
        { at: 'connect', by: ['network'], ...many },
        { at: 'reversePath', by: ['client'], ...many },
        { at: 'recipient', by: ['client', 'recipient'], ...many },
      ],
    }),
    'check-greylist': checkGreylist({ ...everybody, exemptSpf: true }),
    'check-content': checkContent({ missingField: 0 }),
    'check-bayes': checkBayes({ directory, learntMin: 1 }),
    'check-score': checkScore({}),
  };
  const alone = Object.entries(each).map(([name, use]) => [name, [use]] as const);
  return { none: [], ...Object.fromEntries(alone), all: Object.values(each) };
}

/** Runs it: `npm run bench -- checks`. */
export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-bench-'));
  const load = startLoad();
  try {
    await teach(directory);
    const servers = new Map<string, Mta>();
    for (const [name, plugins] of Object.entries(compositions(directory)))
      servers.set(name, await start(plugins));
    const found = await measure(load, servers);
    for (const mta of servers.values()) await mta.stop({ drainMs: 0 });
    report(found);
  } finally {
    load.stop();
    await rm(directory, { recursive: true });
  }
}

interface Slice {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

/** In turns, so that other work on the machine meets all of them; the first round warms up. */
async function measure(load: Load, servers: ReadonlyMap<string, Mta>): Promise<ReadonlyMap<string, Slice[]>> {
  const found = new Map<string, Slice[]>([...servers.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, mta] of servers) {
      const before = process.cpuUsage();
      const result = await load.order({ ...order, port: mta.listeners[0]?.port ?? 0 });
      const { user, system } = process.cpuUsage(before);
      if (result.failures > 0) throw new Error(`${name}: ${result.failures} messages were not taken`);
      if (round === 0) continue;
      found.get(name)?.push({
        perSecond: result.messages / result.seconds,
        cpuMicroseconds: (user + system) / result.messages,
      });
    }
  }
  return found;
}

function report(found: ReadonlyMap<string, readonly Slice[]>): void {
  const none = summary(found.get('none') ?? []);
  console.log(
    `10 KiB, ${order.connections} connections, one message after another; medians of ${rounds} slices in turns\n`,
  );
  console.log('composition      messages/s   of none   CPU per message   more than none');
  for (const [name, slices] of found) {
    const { perSecond, cpuMicroseconds } = summary(slices);
    const part = `${Math.round((100 * perSecond) / none.perSecond)} %`;
    const more = name === 'none' ? '' : `${Math.round(cpuMicroseconds - none.cpuMicroseconds)} µs`;
    console.log(
      `${name.padEnd(15)} ${Math.round(perSecond).toString().padStart(11)} ${part.padStart(9)} ` +
        `${`${Math.round(cpuMicroseconds)} µs`.padStart(17)} ${more.padStart(16)}`,
    );
  }
}

function summary(slices: readonly Slice[]): Slice {
  return {
    perSecond: median(slices.map((slice) => slice.perSecond)),
    cpuMicroseconds: median(slices.map((slice) => slice.cpuMicroseconds)),
  };
}

async function start(plugins: readonly PluginUse[]): Promise<Mta> {
  const mta = createMta(
    {
      hostname: 'mx.bench.example',
      plugins: [queueMemory(), ...plugins, sink()],
      listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }],
      log: { level: 'silent' },
    },
    { resolver },
  );
  await mta.start();
  return mta;
}

/** The classifier judges only once it has learnt; what it learnt matters little for what it costs. */
async function teach(directory: string): Promise<void> {
  const { openStatistics, tokensOf } = await import('@postroad/check-bayes');
  const statistics = await openStatistics(directory, () => 0);
  const words = Array.from({ length: 400 }, (_, at) => `word${at}`);
  for (const kind of ['spam', 'ham'] as const)
    await statistics.learn(undefined, kind, [{ tokens: tokensOf([...words, kind]), key: kind }], 1_000_000);
  await statistics.close();
}
