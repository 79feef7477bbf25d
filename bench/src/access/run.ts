/**
 * IMAP and POP3 beside Debian's Dovecot: the same client against each in turn, in one run. The figure that counts is the
 * ratio. Dovecot's Maildir and its own formats are measured; each line names the best of them.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type DovecotOptions, hasDovecot, startDovecot, stopDovecot } from './dovecot.js';
import { fill } from './fill.js';
import { idleMemory } from './idle.js';
import { type Measured, measure, middleOf } from './measure.js';
import type { AccessServerOptions } from './server.js';
import { type Workload, workloads } from './workloads.js';

interface Server {
  readonly name: string;
  readonly imap: number;
  readonly pop3: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const account = 'reader';
/** Accounts beside the one that is measured: POP3 connections have one each. */
const pop3Messages = 20;

/**
 * Runs it: `npm run bench -- access --messages 1000 --connections 1,10,100`. `--only` names workloads, `--peers` formats
 * of Dovecot, `--idle` how many connections the memory is measured with; `--rounds` parts the seconds of each server into
 * turns, of which the middle one counts, after `--warm` seconds that do not count; `--index` keeps our index of texts, complete
 * before anything is measured; `--directory` keeps the mailboxes for the next run.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '1000' },
      size: { type: 'string', default: '10240' },
      connections: { type: 'string', default: '1,10,100' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '1' },
      warm: { type: 'string', default: '0' },
      only: { type: 'string', default: '' },
      peers: { type: 'string', default: 'maildir,sdbox,mdbox' },
      fsync: { type: 'string', default: 'always' },
      index: { type: 'boolean', default: false },
      idle: { type: 'string', default: '0' },
      directory: { type: 'string', default: join(tmpdir(), 'postroad-bench-access') },
    },
  });
  const messages = Number(values.messages);
  const size = Number(values.size);
  const directory = join(values.directory, `${messages}x${size}`);
  await mkdir(directory, { recursive: true });
  const counts = values.connections.split(',').map(Number);
  const only = values.only === '' ? undefined : values.only.split(',');
  const chosen = workloads.filter(({ name }) => only === undefined || only.includes(name));
  const fsync = values.fsync === 'optimized' ? 'optimized' : 'always';
  const servers = await startAll(directory, values.peers, fsync, values.index);
  try {
    for (const server of servers) await prepare(server, messages, size, Math.max(...counts));
    if (values.index) completeIndex(join(directory, 'postroad', 'mailboxes'));
    console.log(
      `${messages} messages of ${size} octets; Dovecot waits for the disk: ${fsync}; text index: ${values.index}\n`,
    );
    const plan: Plan = {
      account,
      messages,
      rounds: Number(values.rounds),
      durationMs: (Number(values.seconds) * 1000) / Number(values.rounds),
      warmMs: Number(values.warm) * 1000,
    };
    for (const workload of chosen) {
      for (const connections of counts) {
        const results = await measureAll(workload, servers, connections, plan);
        console.log(`${workload.name.padEnd(18)} ${`${connections}`.padStart(3)}  ${describe(results)}`);
      }
    }
    for (const server of servers) {
      if (values.idle === '0') break;
      const each = await idleMemory(server.pid, server.imap, account, Number(values.idle));
      console.log(`${values.idle} idle connections, ${server.name}: ${each.toFixed(1)} KB each`);
    }
  } finally {
    for (const server of servers) await server.stop();
  }
}

interface Plan {
  readonly account: string;
  readonly messages: number;
  readonly rounds: number;
  /** Of one round of one server. */
  readonly durationMs: number;
  readonly warmMs: number;
}

/** One workload on all servers. They take turns, so that whatever else the machine does hits all of them. */
async function measureAll(
  workload: Workload,
  servers: readonly Server[],
  connections: number,
  { account, messages, rounds, durationMs, warmMs }: Plan,
): Promise<ReadonlyMap<string, Measured>> {
  const run = ({ imap, pop3, pid }: Server, lastsMs: number) =>
    measure(workload, { imap, pop3, account, messages }, connections, lastsMs, pid);
  const measured = new Map<string, Measured[]>(servers.map(({ name }) => [name, []]));
  for (const server of servers) if (warmMs > 0) await run(server, warmMs);
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) measured.get(server.name)?.push(await run(server, durationMs));
  }
  return new Map([...measured].map(([name, all]) => [name, middleOf(all)]));
}

/** Brings the index up to date beside the running server, as one does after an import; shows what the command says. */
function completeIndex(mailboxes: string): void {
  const command = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
  const config = fileURLToPath(new URL('store.config.js', import.meta.url));
  console.log('postroad mailbox index');
  execFileSync(process.execPath, [command, 'mailbox', 'index', '--config', config], {
    stdio: 'inherit',
    env: { ...process.env, BENCH_MAILBOXES: mailboxes },
  });
}

async function startAll(
  directory: string,
  peers: string,
  fsync: DovecotOptions['fsync'],
  hasTextIndex: boolean,
): Promise<Server[]> {
  const servers = [await startOurs({ directory: join(directory, 'postroad'), hasTextIndex })];
  if (!hasDovecot()) {
    console.log('Dovecot is not installed, or this is not root: only our own server is measured.');
    return servers;
  }
  for (const format of ['maildir', 'sdbox', 'mdbox'] as const) {
    if (!peers.split(',').includes(format)) continue;
    const started = await startDovecot({ format, fsync, directory: join(directory, format) });
    servers.push({
      name: format,
      imap: started.imap,
      pop3: started.pop3,
      pid: started.process.pid ?? 0,
      stop: () => stopDovecot(started.process),
    });
  }
  return servers;
}

async function startOurs(options: AccessServerOptions): Promise<Server> {
  await mkdir(options.directory, { recursive: true });
  const path = fileURLToPath(new URL('server.js', import.meta.url));
  const child: ChildProcess = fork(path, [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [{ imap, pop3 }] = (await once(child, 'message')) as [{ imap: number; pop3: number }];
  return {
    name: 'postroad',
    imap,
    pop3,
    pid: child.pid ?? 0,
    async stop() {
      child.send('stop');
      await once(child, 'exit');
    },
  };
}

async function prepare(server: Server, messages: number, size: number, connections: number): Promise<void> {
  const startedAt = performance.now();
  await fill(server.imap, account, messages, size);
  for (let number = 0; number < connections; number++) {
    await fill(server.imap, `${account}${number}`, Math.min(messages, pop3Messages), size);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  if (seconds > 1) console.log(`${server.name} filled in ${seconds.toFixed(0)} s`);
}

function describe(results: ReadonlyMap<string, Measured>): string {
  const own = results.get('postroad');
  const peers = [...results].filter(([name]) => name !== 'postroad');
  const texts = [...results].map(
    ([name, { perSecond, medianMs, cpuMicros }]) =>
      `${name} ${perSecond.toFixed(0)}/s ${medianMs.toFixed(2)} ms ${cpuMicros.toFixed(0)} µs CPU`,
  );
  if (own === undefined || peers.length === 0) return texts.join('  ');
  const best = Math.max(...peers.map(([, { perSecond }]) => perSecond));
  const cheapest = Math.min(...peers.map(([, { cpuMicros }]) => cpuMicros));
  const rate = (own.perSecond / best).toFixed(2);
  return `${rate} x rate ${(cheapest / own.cpuMicros).toFixed(2)} x CPU  ${texts.join('  ')}`;
}
