/**
 * Accept durably and deliver by SMTP, end to end: load, server and sink are processes of their own on loopback. The
 * time runs from the first connection until the sink has the last message. The servers take turns, so that what else
 * the machine does hits all of them alike; what counts are the ratios of the medians.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startScaleServer } from '../scale/server.js';
import { loadSmtp } from '../smtp-load.js';
import { startHaraka } from './haraka.js';
import { startPostfix } from './postfix.js';
import type { Relay, RelayServerOptions } from './relay.js';
import { useOf } from './use-of.js';

interface Measured {
  readonly perSecond: number;
  readonly acceptedPerSecond: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

/**
 * Runs it: `npm run bench -- relay --messages 5000 --connections 50 --size 10240 --haraka DIRECTORY`. `--only NAME`
 * leaves the others out, `--profile DIRECTORY` writes CPU profiles of our own server.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '5000' },
      connections: { type: 'string', default: '50' },
      size: { type: 'string', default: '10240' },
      engine: { type: 'string', default: 'lmdb' },
      directory: { type: 'string', default: tmpdir() },
      rounds: { type: 'string', default: '3' },
      haraka: { type: 'string' },
      only: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const engine = values.engine === 'memory' ? 'memory' : 'lmdb';
  const sink = await startProcess('../sink.js', '', []);
  const options: RelayServerOptions = { sinkPort: sink.port, engine, directory: values.directory };
  const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  const servers = await startAll(options, { haraka: values.haraka, only: values.only, profile });
  const load = {
    connections: Number(values.connections),
    messages: Number(values.messages),
    sizeBytes: Number(values.size),
  };
  console.log(`relay, ${engine}, ${load.sizeBytes} octets, ${load.connections} connections`);
  const results = new Map<string, Measured[]>();
  try {
    for (let round = 0; round <= Number(values.rounds); round++) {
      for (const server of servers) {
        // The first messages cost more: the compiler has to see them first.
        const messages = round === 0 ? Math.min(load.messages, 3_000) : load.messages;
        const measured = await measure(server, sink.process, { ...load, messages, port: server.port });
        console.log(`${server.name.padEnd(24)} ${describe(measured)}${round === 0 ? ' (warming up)' : ''}`);
        if (round > 0) results.set(server.name, [...(results.get(server.name) ?? []), measured]);
      }
    }
    compare(results);
  } finally {
    for (const server of servers) await server.stop();
    sink.process.disconnect();
  }
}

async function startAll(
  options: RelayServerOptions,
  how: {
    readonly haraka: string | undefined;
    readonly only: string | undefined;
    readonly profile: readonly string[];
  },
): Promise<readonly Relay[]> {
  const starts: Readonly<Record<string, () => Promise<Relay | undefined>>> = {
    postroad: () => startOurs('postroad', 'postroad.js', options, how.profile),
    'all-cores': () => startOnAllCores(options),
    postfix: () => startPostfix(options),
    haraka: () => startHaraka(options, how.haraka),
    'smtp-server': () => startOurs('smtp-server + nodemailer (not durable)', 'smtp-server.js', options, []),
  };
  const servers: Relay[] = [];
  for (const [name, start] of Object.entries(starts)) {
    if (how.only !== undefined && !how.only.split(',').includes(name)) continue;
    const server = await start();
    if (server === undefined) console.log(`${name} is not here and is left out`);
    else servers.push(server);
  }
  return servers;
}

const onAllCores = 'postroad on all cores';

/** As `postroad start` runs it with a process for each core: Postfix has its processes on all of them too. */
async function startOnAllCores({
  sinkPort,
  directory,
  engine,
}: RelayServerOptions): Promise<Relay | undefined> {
  const workers = availableParallelism();
  if (workers < 2 || engine !== 'lmdb') return undefined;
  const server = await startScaleServer({ workers, queue: 'lmdb', url: '', sinkPort, directory });
  return {
    name: onAllCores,
    port: server.port,
    use: async () => useOf(server.pid),
    stop: () => server.stop(),
  };
}

async function startOurs(
  name: string,
  file: string,
  options: RelayServerOptions,
  flags: readonly string[],
): Promise<Relay> {
  const { process: child, port } = await startProcess(file, options, flags);
  return {
    name,
    port,
    use: () => ask(child),
    async stop() {
      const ended = once(child, 'exit');
      child.send('stop');
      await ended;
    },
  };
}

async function startProcess(
  file: string,
  options: unknown,
  flags: readonly string[],
): Promise<{ process: ChildProcess; port: number }> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [...flags],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { process: child, port };
}

async function ask<T>(child: ChildProcess): Promise<T> {
  const answered = once(child, 'message');
  child.send('facts');
  return (await answered)[0] as T;
}

async function measure(
  server: Relay,
  sink: ChildProcess,
  load: Parameters<typeof loadSmtp>[0],
): Promise<Measured> {
  const before = await server.use();
  const { messages: had } = await ask<{ messages: number }>(sink);
  const startedAt = performance.now();
  await loadSmtp(load);
  const acceptedMs = performance.now() - startedAt;
  for (;;) {
    const { messages } = await ask<{ messages: number }>(sink);
    if (messages - had >= load.messages) break;
    if (performance.now() - startedAt > 120_000) throw new Error(`only ${messages - had} messages arrived`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const tookMs = performance.now() - startedAt;
  const after = await server.use();
  return {
    perSecond: (load.messages * 1000) / tookMs,
    acceptedPerSecond: (load.messages * 1000) / acceptedMs,
    cpuMs: (after.cpuMs - before.cpuMs) / load.messages,
    rssMb: after.rssMb,
  };
}

function describe(facts: Measured): string {
  return (
    `${facts.perSecond.toFixed(0)} messages/s, ${facts.cpuMs.toFixed(3)} CPU ms a message, ` +
    `accepted at ${facts.acceptedPerSecond.toFixed(0)}/s, ${facts.rssMb.toFixed(0)} MB`
  );
}

function compare(results: ReadonlyMap<string, readonly Measured[]>): void {
  for (const name of ['postroad', onAllCores]) {
    const ours = results.get(name);
    if (ours !== undefined) compareOurs(name, ours, results);
  }
}

function compareOurs(
  ours: string,
  own: readonly Measured[],
  results: ReadonlyMap<string, readonly Measured[]>,
): void {
  for (const [name, theirs] of results) {
    if (name === 'postroad' || name === onAllCores) continue;
    const rate = median(own, 'perSecond') / median(theirs, 'perSecond');
    const cpu = median(own, 'cpuMs') / median(theirs, 'cpuMs');
    console.log(`${ours} beside ${name}: ${rate.toFixed(2)} x messages/s, ${cpu.toFixed(2)} x CPU a message`);
  }
}

function median(all: readonly Measured[], key: 'perSecond' | 'cpuMs'): number {
  const sorted = all.map((one) => one[key]).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
