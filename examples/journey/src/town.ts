/** Two mail servers for two domains, and the DNS that tells one of the other. All of it is on loopback. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import { accessPop3 } from '@postroad/access-pop3';
import { authFile, usersFile } from '@postroad/auth-file';
import { createMta, listener, type Mta } from '@postroad/core';
import { type DnsServer, startDnsServer } from '@postroad/core/testing';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { queueLmdb } from '@postroad/queue-lmdb';
import { routeLocal } from '@postroad/route-local';
import { storeLmdb } from '@postroad/store-lmdb';
import { createWatcher, type Watcher } from './observe-journey.js';

const host = '127.0.0.1';

/** A mail server of one domain. */
export interface Server {
  readonly domain: string;
  readonly mta: Mta;
  readonly watcher: Watcher;
  port(name: 'smtp' | 'submission' | 'imap' | 'pop3s'): number;
}

/** Two domains, the second of which has no server yet. */
export interface Town extends AsyncDisposable {
  readonly dns: DnsServer;
  readonly north: Server;
  /** Where the server of the other domain is, and where nobody answers until it is opened. */
  readonly southPort: number;
  openSouth(): Promise<Server>;
}

/** An account of the story; everybody's password is the same. */
export const password = 'a long way to go';

/** Opens DNS and the first server. */
export async function openTown(): Promise<Town> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-journey-'));
  const southPort = await freePort();
  const northPort = await freePort();
  const open: { stop(): Promise<void> }[] = [];
  const dns = await startDnsServer({
    'north.example': { MX: [{ preference: 10, exchange: 'mx.north.example' }] },
    'south.example': { MX: [{ preference: 10, exchange: 'mx.south.example' }] },
    'mx.north.example': { A: [host] },
    'mx.south.example': { A: [host] },
  });
  const close = async () => {
    for (const server of open) await server.stop();
    await dns.close();
    await rm(directory, { recursive: true, force: true });
  };
  const openServer = async (options: Omit<ServerOptions, 'directory' | 'dns'>) => {
    const server = await startServer({ ...options, directory: join(directory, options.domain), dns });
    open.push(server.mta);
    return server;
  };
  try {
    const people = ['alice', 'carol'];
    const north = await openServer({
      domain: 'north.example',
      people,
      smtpPort: northPort,
      mxPort: southPort,
    });
    return {
      dns,
      north,
      southPort,
      openSouth: () =>
        openServer({ domain: 'south.example', people: ['bob'], smtpPort: southPort, mxPort: northPort }),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface ServerOptions {
  readonly domain: string;
  readonly people: readonly string[];
  readonly directory: string;
  readonly dns: DnsServer;
  /** Mail from other servers; on the open network this is 25. */
  readonly smtpPort: number;
  /** The same of the other server. */
  readonly mxPort: number;
}

async function startServer(options: ServerOptions): Promise<Server> {
  const { domain, people, directory, dns, smtpPort, mxPort } = options;
  const at = (name: string) => join(directory, name);
  await mkdir(directory, { mode: 0o700 });
  for (const name of people) await usersFile(at('users')).add({ login: `${name}@${domain}`, password });
  const watcher = createWatcher();
  const mta = createMta({
    hostname: `mx.${domain}`,
    tls: { selfSignedDirectory: at('tls') },
    spool: { directory: at('spool') },
    dns: { servers: [dns.address] },
    log: { level: 'silent' },
    // On the open network this is minutes and hours.
    queue: { retryDelaysMs: [700] },
    plugins: [
      authFile({ file: at('users') }),
      routeLocal({ domains: [domain] }),
      queueLmdb({ directory: at('queue') }),
      storeLmdb({ directory: at('store') }),
      deliverSmtp({ port: mxPort, allowPrivateAddresses: true }),
      accessImap({ host, port: 0, tls: 'starttls' }),
      accessPop3({ host, port: 0, tls: 'implicit' }),
      watcher.plugin,
    ],
    listeners: [
      listener({ name: 'smtp', host, port: smtpPort, role: 'relay' }),
      listener({ name: 'submission', host, port: 0, role: 'submission' }),
    ],
  });
  await mta.start();
  return {
    domain,
    mta,
    watcher,
    port(name) {
      const found = mta.listeners.find((one) => one.name === name);
      if (found === undefined) throw new Error(`${domain} does not listen for ${name}`);
      return found.port;
    },
  };
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
