/**
 * The post office as `postroad start` runs it with a process for each core, as the programs of other makers that we are
 * measured against use them all: recipients are looked up, every message is durable before its 250, and none is delivered.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { useOfTree } from '../process-tree.js';
import { builtPostOffice, loadPostOffice, postOfficeOptions } from './post-office.js';
import type { BenchServer, Candidate } from './servers.js';

/** Its name in the tables. */
export const allCoresName = 'post office, all cores';
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** On a machine with one core there is nothing to share. */
export function workersPeer(): Candidate {
  const missing = availableParallelism() < 2 ? 'there is one core' : undefined;
  return { name: allCoresName, missing, start };
}

/** What is in the queue stays there, as in `server-post-office.ts`. */
const configuration = (options: object): string => `
import { definePlugin } from '@postroad/core';
import { postOffice } from ${JSON.stringify(new URL('post-office.js', builtPostOffice).href)};
const options = ${JSON.stringify(options)};
const holdAll = definePlugin({
  name: 'route-never',
  setup({ tap }) {
    const never = (_message, _recipient, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    tap('route', never, { order: 'early' });
  },
});
const composition = postOffice({ ...options, workers: 'auto' });
const limits = { messagesPerConnectionMax: 1_000_000 };
export default {
  ...composition,
  listeners: composition.listeners.map((one) => (one.name === 'smtp' ? { ...one, limits } : one)),
  plugins: [...composition.plugins, holdAll()],
};
`;

async function start(): Promise<BenchServer> {
  const directory = await mkdtemp(join(process.env.POSTROAD_BENCH_DIRECTORY ?? tmpdir(), 'postroad-bench-'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const options = postOfficeOptions(directory);
  const { usersFileOf, prepareAccounts } = await loadPostOffice();
  await prepareAccounts(usersFileOf(options), { domain: options.domain, hasDemo: true });
  await writeFile(join(directory, 'postroad.config.js'), configuration(options));
  const program = join(root, 'core/bin/postroad.js');
  const child = spawn(process.execPath, [program, 'start', '--json', '--config', directory], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => Promise.reject(new Error(`${allCoresName} did not start`))),
  ])) as [string];
  const { listeners } = JSON.parse(line) as { listeners: { listener: string; port: number }[] };
  return {
    name: allCoresName,
    port: listeners.find((one) => one.listener === 'smtp')?.port ?? 0,
    use: async () => useOfTree(child.pid ?? 0),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
