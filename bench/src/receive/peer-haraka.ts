/** Haraka as a peer, as its npm package brings it: one process, a plugin of ours that takes every recipient. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { useOfTree } from '../process-tree.js';
import { type BenchServer, type Candidate, freePort, whenGreeting } from './servers.js';

/** `discard` drops each message once it is taken, `durable` keeps it in its queue: nothing is delivered. */
export function harakaPeer(mode: 'discard' | 'durable'): Candidate {
  const program = findProgram();
  const missing = program === undefined ? 'not installed (put `haraka` of npm into the PATH)' : undefined;
  return { name: 'Haraka', missing, start: () => start(program ?? '', mode) };
}

function findProgram(): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  const found = directories.map((directory) => join(directory, 'haraka')).find((file) => existsSync(file));
  return found === undefined ? undefined : realpathSync(found);
}

async function start(program: string, mode: 'discard' | 'durable'): Promise<BenchServer> {
  const directory = await mkdtemp(join(process.env.POSTROAD_BENCH_DIRECTORY ?? tmpdir(), 'bench-haraka-'));
  const at = (name: string) => join(directory, name);
  const port = await freePort();
  await cp(join(dirname(dirname(program)), 'config'), at('config'), { recursive: true });
  for (const name of ['plugins', 'queue']) await mkdir(at(name));
  for (const [name, text] of Object.entries(files(port, mode))) await writeFile(at(name), text);
  const log = await open(at('log'), 'a');
  const child = spawn(process.execPath, [program, '-c', directory], {
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, YES_REALLY_DO_DISCARD: '1' },
  });
  const ended = once(child, 'exit');
  await log.close();
  await whenGreeting(port, 'Haraka');
  return {
    name: 'Haraka',
    port,
    // "503 Bad sequence of commands - pipelined after end of DATA".
    waitsBehindData: true,
    use: async () => useOfTree(child.pid ?? 0),
    async stop() {
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function files(port: number, mode: 'discard' | 'durable'): Readonly<Record<string, string>> {
  const isRelaying = mode === 'durable';
  return {
    'package.json': '{ "name": "bench", "version": "1.0.0" }\n',
    'config/me': 'bench.example\n',
    'config/smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
    'config/databytes': '104857600\n',
    'config/log.ini': '[main]\nlevel=info\n',
    'config/plugins': mode === 'discard' ? 'take-all\nqueue/discard\n' : 'take-all\n',
    'config/outbound.ini': 'disabled=true\nenable_tls=false\n',
    'plugins/take-all.js': `exports.hook_rcpt = (next, connection) => {
  connection.relaying = ${isRelaying};
  next(OK);
};
`,
  };
}
