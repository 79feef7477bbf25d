/** Haraka as a relay to the sink, from where it was installed (`npm i Haraka` in a directory of its own). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './postfix.js';
import type { Relay, RelayServerOptions } from './relay.js';
import { useOf } from './use-of.js';

/** Starts it; `undefined` when there is none in the directory. */
export async function startHaraka(
  options: RelayServerOptions,
  installed: string | undefined,
): Promise<Relay | undefined> {
  const home = join(installed ?? '', 'node_modules', 'Haraka');
  if (installed === undefined || !existsSync(home)) return undefined;
  const directory = await mkdtemp(join(options.directory, 'postroad-bench-haraka-'));
  const port = await freePort();
  await writeConfiguration(directory, home, port, options.sinkPort);
  const child = spawn(process.execPath, [join(home, 'bin', 'haraka'), '-c', directory], { stdio: 'ignore' });
  await answers(port);
  return {
    name: 'Haraka',
    port,
    use: async () => useOf(child.pid as number),
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function writeConfiguration(
  directory: string,
  home: string,
  port: number,
  sinkPort: number,
): Promise<void> {
  const at = (name: string): string => join(directory, name);
  for (const name of ['config', 'plugins', 'queue']) await mkdir(at(name));
  await cp(join(home, 'config'), at('config'), { recursive: true });
  await writeFile(at('config/smtp.ini'), `listen=127.0.0.1:${port}\nnodes=0\nuser=\n`);
  await writeFile(at('config/me'), 'bench.test\n');
  await writeFile(at('config/plugins'), 'bench\n');
  await writeFile(at('config/log.ini'), '[main]\nlevel=warn\n');
  await writeFile(
    at('config/outbound.ini'),
    'enable_tls=false\nlocal_mx_ok=true\nconcurrency_max=50\npool_concurrency_max=50\n',
  );
  await writeFile(at('package.json'), '{"name":"bench","version":"1.0.0"}\n');
  await writeFile(
    at('plugins/bench.js'),
    `exports.hook_rcpt = (next, connection) => { connection.relaying = true; next(OK); };
exports.hook_get_mx = (next) => next(OK, { exchange: '127.0.0.1', port: ${sinkPort}, priority: 0 });
`,
  );
}

/** Resolves when something listens on the port. */
async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const socket = connect({ port, host: '127.0.0.1' });
    const isThere = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('Haraka does not listen');
}
