/** Debian's pebble, an ACME server for tests, on loopback. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureSelfSigned } from '@postroad/core';

/** Whether it is installed. */
export const hasPebble = (() => {
  try {
    execFileSync('sh', ['-c', 'command -v pebble'], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
})();
if (!hasPebble) console.warn('skipped: pebble is not installed (Debian: pebble)');

/** A running ACME server. */
export interface Pebble {
  readonly directoryUrl: string;
  readonly caFile: string;
  stop(): Promise<void>;
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Starts it; it looks for proofs at these ports, and asks this DNS server. */
export async function startPebble(
  directory: string,
  ports: { readonly http: number; readonly tls: number },
  dnsServer: string,
): Promise<Pebble> {
  const files = await ensureSelfSigned(join(directory, 'pebble'), 'localhost', Date.now(), (file) =>
    readFile(file, 'utf8'),
  );
  const port = await freePort();
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${await freePort()}`,
    certificate: files.certificateFile,
    privateKey: files.keyFile,
    httpPort: ports.http,
    tlsPort: ports.tls,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  };
  const file = join(directory, 'pebble.json');
  await writeFile(file, JSON.stringify({ pebble: config }));
  const child = spawn('pebble', ['-config', file, '-dnsserver', dnsServer, '-strict', 'false'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' },
  });
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('Listening on')) resolve();
    });
    child.once('exit', () => reject(new Error('pebble ended')));
  });
  return {
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    caFile: files.certificateFile,
    async stop() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
