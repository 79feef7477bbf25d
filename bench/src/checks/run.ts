/**
 * What the checks cost: messages per second and CPU of the server for each message, with none, with each alone, with all
 * that are built in, and with rspamd (Debian's, with CPU of its own beside). DNS answers come from memory, so that the
 * checks are measured and not somebody's DNS server.
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
import { checkReputation } from '@postroad/check-reputation';
import { checkRspamd } from '@postroad/check-rspamd';
import { checkScore } from '@postroad/check-score';
import {
  accept,
  bodyFromBytes,
  createMta,
  definePlugin,
  discard,
  type Mta,
  noteFinding,
  type PluginUse,
  queueMemory,
  type Resolver,
} from '@postroad/core';
import { useOfTree } from '../process-tree.js';
import { type Load, median, startLoad } from '../receive/measure.js';
import { makeProse } from './prose.js';
import { type BenchRspamd, startRspamd } from './rspamd.js';

const rounds = 7;
const octets = 10_240;
const order = { mode: 'plain', connections: 10, octets, isDotted: false, durationMs: 700 } as const;

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

function compositions(
  directory: string,
  rspamd: BenchRspamd | undefined,
): Readonly<Record<string, readonly PluginUse[]>> {
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
    'check-bayes': checkBayes({ directory }),
    'check-reputation': checkReputation({}),
    'check-score': checkScore({}),
  };
  const alone = Object.entries(each).map(([name, use]) => [name, [use]] as const);
  const all = Object.values(each);
  const outside = rspamd && checkRspamd({ servers: [rspamd.url], lookUpName: false });
  return {
    none: [],
    ...Object.fromEntries(alone),
    all,
    ...(outside === undefined
      ? {}
      : { rspamd: [outside, checkScore({})], 'all and rspamd': [...all, outside] }),
  };
}

/** Runs it: `npm run bench -- checks`. */
export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-bench-'));
  const load = startLoad();
  const rspamd = await startRspamd(join(directory, 'rspamd'));
  try {
    await teach(directory);
    const servers = new Map<string, Mta>();
    for (const [name, plugins] of Object.entries(compositions(directory, rspamd)))
      servers.set(name, await start(plugins));
    const found = await measure(load, servers, rspamd);
    for (const mta of servers.values()) await mta.stop({ drainMs: 0 });
    report(found);
  } finally {
    load.stop();
    await rspamd?.program.stop();
    await rm(directory, { recursive: true });
  }
}

interface Slice {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
  /** CPU of rspamd's processes for each message. */
  readonly outsideMicroseconds: number;
}

/** In turns, so that other work on the machine meets all of them; the first round warms up. */
async function measure(
  load: Load,
  servers: ReadonlyMap<string, Mta>,
  rspamd: BenchRspamd | undefined,
): Promise<ReadonlyMap<string, Slice[]>> {
  const texts = makeProse(200, octets, 2);
  const outside = () => (rspamd === undefined ? 0 : useOfTree(rspamd.program.pid).cpuSeconds);
  const found = new Map<string, Slice[]>([...servers.keys()].map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, mta] of servers) {
      const outsideBefore = outside();
      const before = process.cpuUsage();
      const result = await load.order({ ...order, texts, port: mta.listeners[0]?.port ?? 0 });
      const { user, system } = process.cpuUsage(before);
      if (result.failures > 0) throw new Error(`${name}: ${result.failures} messages were not taken`);
      if (round === 0) continue;
      found.get(name)?.push({
        perSecond: result.messages / result.seconds,
        cpuMicroseconds: (user + system) / result.messages,
        outsideMicroseconds: (1e6 * (outside() - outsideBefore)) / result.messages,
      });
    }
  }
  return found;
}

function report(found: ReadonlyMap<string, readonly Slice[]>): void {
  const none = summary(found.get('none') ?? []);
  console.log(
    `10 KiB of 200 texts, ${order.connections} connections, one message after another; medians of ${rounds} slices in turns\n`,
  );
  console.log('composition      messages/s   of none   CPU per message   more than none   in rspamd');
  for (const [name, slices] of found) {
    const { perSecond, cpuMicroseconds, outsideMicroseconds } = summary(slices);
    const part = `${Math.round((100 * perSecond) / none.perSecond)} %`;
    const more = name === 'none' ? '' : `${Math.round(cpuMicroseconds - none.cpuMicroseconds)} µs`;
    console.log(
      `${name.padEnd(16)} ${Math.round(perSecond).toString().padStart(10)} ${part.padStart(9)} ` +
        `${`${Math.round(cpuMicroseconds)} µs`.padStart(17)} ${more.padStart(16)} ` +
        (name.includes('rspamd') ? `${Math.round(outsideMicroseconds)} µs` : '').padStart(11),
    );
  }
}

function summary(slices: readonly Slice[]): Slice {
  return {
    perSecond: median(slices.map((slice) => slice.perSecond)),
    cpuMicroseconds: median(slices.map((slice) => slice.cpuMicroseconds)),
    outsideMicroseconds: median(slices.map((slice) => slice.outsideMicroseconds)),
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

/** The classifier has learnt two hundred messages of the vocabulary that it will see. */
async function teach(directory: string): Promise<void> {
  const { openStatistics, tokensOfMessage } = await import('@postroad/check-bayes');
  const statistics = await openStatistics(directory, () => 0);
  for (const [at, kind] of (['spam', 'ham'] as const).entries()) {
    const lessons = makeProse(100, octets, 10 + at).map(async (text) => ({
      tokens: await tokensOfMessage(bodyFromBytes(Buffer.from(text)), 300),
      key: text,
    }));
    await statistics.learn(undefined, kind, await Promise.all(lessons), 1_000_000);
  }
  await statistics.close();
}
