/** HTTPS servers whose certificates can't be believed, and one whose can: for clients that must tell them apart. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../services/system-clock.js';
import { makeTestCertificate } from './test-certificate.js';

/** What may be the matter with a certificate; nothing with that of `believed`. */
export type Doubt = 'believed' | 'expired' | 'not valid yet' | 'for another name' | 'of an unknown authority';

/** The servers. `await using` stops them. */
export interface DoubtfulServers extends AsyncDisposable {
  /** Each one's URL, with a slash at the end. */
  readonly urls: Readonly<Record<Doubt, string>>;
  /** What each was asked within TLS: method, path and body. */
  readonly asked: Readonly<Record<Doubt, readonly string[]>>;
  /**
   * Runs an ES module in a process of its own that believes the authorities of all but the unknown one, and gives the
   * JSON that it writes to its standard output. `import.meta` is of no use there: modules are imported by file URL.
   */
  run(module: string): Promise<unknown>;
}

const yearMs = 365 * 86_400_000;

/** Starts them on loopback; all answer with the given JSON. Linux has all of 127.0.0.0/8. */
export async function startDoubtfulServers(answer: unknown): Promise<DoubtfulServers> {
  const now = systemClock.now();
  const pairs = {
    believed: await makeTestCertificate({ hostname: 'localhost' }),
    expired: await makeTestCertificate({ hostname: 'localhost', nowMs: now - 15 * yearMs }),
    'not valid yet': await makeTestCertificate({ hostname: 'localhost', nowMs: now + yearMs }),
    // It is for 127.0.0.1 and not for the address that it is asked at.
    'for another name': await makeTestCertificate({ hostname: 'elsewhere.example' }),
    'of an unknown authority': await makeTestCertificate({ hostname: 'localhost' }),
  };
  const directory = await mkdtemp(join(tmpdir(), 'doubtful-servers-'));
  const caFile = join(directory, 'ca.pem');
  const known = Object.entries(pairs).filter(([doubt]) => doubt !== 'of an unknown authority');
  await writeFile(caFile, known.map(([, { cert }]) => cert).join(''));
  const servers: Server[] = [];
  const urls: Partial<Record<Doubt, string>> = {};
  const asked: Partial<Record<Doubt, string[]>> = {};
  for (const [doubt, pair] of Object.entries(pairs) as [Doubt, typeof pairs.believed][]) {
    const heard: string[] = [];
    asked[doubt] = heard;
    const host = doubt === 'for another name' ? '127.0.0.2' : '127.0.0.1';
    const server = await serve(pair, host, heard, JSON.stringify(answer));
    servers.push(server);
    const { port } = server.address() as { port: number };
    urls[doubt] = `https://${doubt === 'for another name' ? host : 'localhost'}:${port}/`;
  }
  return {
    urls: urls as Record<Doubt, string>,
    asked: asked as Record<Doubt, string[]>,
    run: (module) => runTrusting(caFile, module),
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise<void>((resolve) => server.close(() => resolve()));
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function serve(
  pair: { readonly key: string; readonly cert: string },
  host: string,
  heard: string[],
  answer: string,
): Promise<Server> {
  const server = createServer(pair, (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      heard.push(`${request.method} ${request.url} ${body}`);
      response.setHeader('content-type', 'application/json').end(answer);
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  return server;
}

/** Authorities beside the system's are read once, when a process starts. */
function runTrusting(caFile: string, module: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', module],
      { timeout: 60_000, env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile } },
      (error, stdout, stderr) => {
        if (error !== null) reject(new Error(`the module failed: ${stderr}`, { cause: error }));
        else resolve(JSON.parse(stdout));
      },
    );
  });
}
