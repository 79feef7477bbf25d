/**
 * `npm run bench -- receive`: our receiver beside a bare smtp-server, Postfix, Haraka and OpenSMTPD where they are
 * installed, and a sink that does nothing else, which is what the runtime allows; then the post office up to its queue on disk, beside
 * theirs. Each point is measured in short slices on each server in turn, and the medians are compared: only such ratios
 * mean anything on a machine that does other work too. CPU is that of all of a server's processes.
 */
import { parseArgs } from 'node:util';
import { measureIdle } from './idle.js';
import { type Load, measurePoint, type Point, type Sample, startLoad, warmUp } from './measure.js';
import { harakaPeer } from './peer-haraka.js';
import { opensmtpdPeer } from './peer-opensmtpd.js';
import { postfixPeer } from './peer-postfix.js';
import { workersPeer } from './peer-workers.js';
import { type BenchServer, type Candidate, ownServer } from './servers.js';
import { headerLine, pointLine, targetLine } from './table.js';
import { type Measured, targetsOf } from './targets.js';

/** Long enough that what is moved to its place behind the answers is in it. */
const durableMs = 2_000;
const base = { mode: 'plain', connections: 50, octets: 10_240, isDotted: false, durationMs: 700 } as const;
const plain: Point = { ...base, name: '10 KB, 50 connections' };
const pipelined: Point = { ...base, name: '10 KB, 50, pipelined', mode: 'pipelined' };
const once: Point = { ...base, name: '10 KB, 50, one each', mode: 'once' };
const large = { ...base, connections: 10, octets: 102_400 };
const points: readonly Point[] = [
  plain,
  pipelined,
  once,
  { ...base, name: '1 KB, 10', connections: 10, octets: 1_024 },
  { ...large, name: '100 KB, 10' },
  { ...large, name: '100 KB, 10, all dotted', isDotted: true },
  { ...base, name: '10 MB, 10', connections: 10, octets: 10_485_760, durationMs: 1_500 },
];

/** Runs it; `--rounds N`, `--only TEXT` picks points by their names, `--no-peers` leaves other makers out. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      'no-peers': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const setting: Setting = {
    rounds: Number(values.rounds),
    isWanted: (name) => name.includes(values.only),
    peers: (mode) => (values['no-peers'] ? [] : [postfixPeer(mode), harakaPeer(mode), opensmtpdPeer(mode)]),
  };
  const load = startLoad();
  const measured: Record<'discard' | 'durable', Measured> = { discard: new Map(), durable: new Map() };
  try {
    const own = ['postroad', 'smtp-server', 'minimal'].map((name) => ownServer(name));
    await compare('Accept and discard', setting, load, {
      candidates: [...own, ...setting.peers('discard')],
      points: points.filter(({ name }) => setting.isWanted(name)),
      measured: measured.discard,
    });
    await compare('Durable accept, nothing is delivered', setting, load, {
      candidates: [
        ownServer('post office', 'post-office'),
        workersPeer(),
        ...setting.peers('durable'),
        ownServer('discard', 'postroad'),
      ],
      points: [plain, pipelined]
        .map((point) => ({ ...point, durationMs: durableMs }))
        .filter(({ name }) => setting.isWanted(`durable, ${name}`)),
      measured: measured.durable,
    });
  } finally {
    load.stop();
  }
  console.log('\nTargets');
  for (const target of targetsOf(measured)) console.log(targetLine(target));
  if (setting.isWanted('idle')) await measureIdle();
}

interface Setting {
  readonly rounds: number;
  isWanted(name: string): boolean;
  peers(mode: 'discard' | 'durable'): readonly Candidate[];
}

interface Comparison {
  /** The first is ours. */
  readonly candidates: readonly Candidate[];
  readonly points: readonly Point[];
  readonly measured: Map<string, ReadonlyMap<string, Sample>>;
}

async function compare(title: string, setting: Setting, load: Load, comparison: Comparison): Promise<void> {
  if (comparison.points.length === 0) return;
  console.log(`\n${title}`);
  const servers: BenchServer[] = [];
  try {
    for (const candidate of comparison.candidates) {
      if (candidate.missing === undefined) servers.push(await candidate.start());
      else console.log(`${candidate.name}: ${candidate.missing}`);
    }
    await warmUp(load, servers, [plain, pipelined]);
    console.log(headerLine(servers.map(({ name }) => name)));
    for (const point of comparison.points) {
      const samples = await measurePoint(load, servers, point, setting.rounds);
      comparison.measured.set(point.name, samples);
      console.log(pointLine(point.name, samples, comparison.candidates[0]?.name ?? ''));
    }
    console.log('x: our rate as a multiple of theirs; *: the load generator had no CPU left');
  } finally {
    for (const server of servers) await server.stop();
  }
}
