/** A whole server for the bench: the command itself, with a configuration in a directory of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What to start. */
export interface ScaleServerOptions {
  readonly workers: number;
  readonly queue: 'lmdb' | 'postgres';
  /** Where the queue is kept, for `postgres`. */
  readonly url: string;
  /** Where messages are delivered; without it they stay in the queue. */
  readonly sinkPort?: number;
  /** Whether each message costs the server an RSA signature, as one of DKIM does. */
  readonly isSigned?: boolean;
  /** A disk, not a file system in memory. */
  readonly directory: string;
}

/** A running server. */
export interface ScaleServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** What is accepted stays where it is, as with HOLD in Postfix: no route is found, which is told once in a while. */
const never =
  "(_message, _recipient, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))";

const plugin = ({ sinkPort, isSigned = false }: ScaleServerOptions): string => `
import { generateKeyPairSync, sign } from 'node:crypto';
import { accept, definePlugin } from '@postroad/core';
const octets = Buffer.alloc(4096, 'x');
const bench = definePlugin({
  name: 'bench',
  setup({ tap }) {
    tap('recipient', () => accept());
    ${isSigned ? "const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });\n    tap('message', () => void sign('sha256', octets, privateKey));" : ''}
    tap('route', ${sinkPort === undefined ? never : `() => ({ transport: 'smtp', host: '127.0.0.1', port: ${sinkPort} })`});
  },
});
export { bench };
`;

/** Starts it and waits until it listens. */
export async function startScaleServer(options: ScaleServerOptions): Promise<ScaleServer> {
  const directory = await mkdtemp(join(options.directory, 'postroad-scale-'));
  await symlink(modules, join(directory, 'node_modules'));
  await writeFile(join(directory, 'bench.mjs'), plugin(options));
  await writeFile(join(directory, 'postroad.config.json'), JSON.stringify(configOf(options), undefined, 1));
  const child = spawn(process.execPath, [program, 'start', '--json'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => Promise.reject(new Error('the server did not start'))),
  ])) as [string];
  const { listeners } = JSON.parse(line) as { listeners: { port: number }[] };
  return {
    port: listeners[0]?.port ?? 0,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function configOf({ workers, queue, url, sinkPort }: ScaleServerOptions): unknown {
  const kept =
    queue === 'lmdb'
      ? { use: '@postroad/queue-lmdb#queueLmdb', directory: 'queue' }
      : { use: '@postroad/queue-postgres#queuePostgres', url, migrates: true };
  const sends = sinkPort === undefined ? [] : [{ use: '@postroad/deliver-smtp#deliverSmtp' }];
  return {
    hostname: 'scale.test',
    workers,
    drainMs: 500,
    log: { level: 'silent' },
    spool: { directory: 'spool' },
    queue: { deliveriesMax: 100, deliveriesPerSiteMax: 100 },
    plugins: [kept, { use: './bench.mjs#bench' }, ...sends],
    listeners: [
      {
        name: 'relay',
        host: '127.0.0.1',
        port: 0,
        role: 'relay',
        limits: { connectionsPerAddressMax: 10_000, connectionsPerNetworkMax: 10_000 },
      },
    ],
  };
}
