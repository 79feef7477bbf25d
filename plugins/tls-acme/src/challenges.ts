/** Answering the ACME server's question whether a name is ours (RFC 8555 section 8, RFC 8737). */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { type ClientSocket, type Clock, type Listeners, MailError, messageOf } from '@postroad/core';
import type { TlsAcmeConfig } from './options.js';

const run = promisify(execFile);
const commandTimeoutMs = 120_000;

/** One kind of challenge. What `add` did, `remove` undoes. */
export interface Challenge {
  /** `token` and `proof` are the ACME server's; `certificate` is what TLS-ALPN-01 shows. */
  add(proof: ChallengeProof, signal: AbortSignal): Promise<void>;
  remove(proof: ChallengeProof): Promise<void>;
}

/** What proves that a name is ours. */
export interface ChallengeProof {
  readonly name: string;
  readonly token: string;
  readonly keyAuthorization: string;
  /** Key and certificate with the proof in it, for `tls-alpn-01`. */
  certificate(): Promise<{ readonly key: string; readonly chain: string }>;
}

/** HTTP-01: a page under a well-known path (RFC 8555 section 8.3). Opens its port. */
export async function httpChallenge(listeners: Listeners, { http }: TlsAcmeConfig): Promise<Challenge> {
  const pages = new Map<string, string>();
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 1_000 },
    (request, response) => {
      const token = /^\/\.well-known\/acme-challenge\/([\w-]{1,200})$/.exec(request.url ?? '')?.[1];
      const page = token === undefined ? undefined : pages.get(token);
      response.writeHead(page === undefined ? 404 : 200, {
        'content-type': 'application/octet-stream',
        connection: 'close',
      });
      response.end(page);
    },
  );
  await listeners.listen({
    ...placeOf(http),
    name: 'acme-http',
    protocol: 'http',
    role: 'internal',
    tls: 'none',
    connectionsMax: 100,
    serve: ({ socket }, signal) => {
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
      server.emit('connection', socket);
    },
  });
  return {
    add: async ({ token, keyAuthorization }) => void pages.set(token, keyAuthorization),
    remove: async ({ token }) => void pages.delete(token),
  };
}

/** TLS-ALPN-01: a certificate that is only shown to who asks for `acme-tls/1` (RFC 8737). Opens its port. */
export async function alpnChallenge(
  listeners: Listeners,
  clock: Clock,
  { alpn }: TlsAcmeConfig,
): Promise<Challenge> {
  const contexts = new Map<string, SecureContext>();
  await listeners.listen({
    ...placeOf(alpn),
    name: 'acme-tls-alpn',
    protocol: 'acme-tls',
    role: 'internal',
    tls: 'none',
    connectionsMax: 100,
    serve: (client, signal) => showProof(client, signal, contexts, clock),
  });
  return {
    async add({ name, certificate }) {
      const { key, chain } = await certificate();
      contexts.set(name, createSecureContext({ key, cert: chain, minVersion: 'TLSv1.2' }));
    },
    remove: async ({ name }) => void contexts.delete(name),
  };
}

function showProof(
  { socket }: ClientSocket,
  signal: AbortSignal,
  contexts: ReadonlyMap<string, SecureContext>,
  clock: Clock,
): void {
  const [first] = contexts.values();
  if (first === undefined) {
    socket.destroy();
    return;
  }
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: first,
    SNICallback: (name, answer) => {
      const context = contexts.get(name.toLowerCase());
      answer(context === undefined ? new Error('no challenge for this name') : null, context);
    },
    // One protocol, with its length in front.
    ALPNProtocols: Buffer.from('\u000aacme-tls/1') as unknown as string[],
  });
  const timer = clock.after(10_000, () => secured.destroy());
  signal.addEventListener('abort', () => secured.destroy(), { once: true });
  secured.on('error', () => secured.destroy());
  secured.once('secure', () => secured.end());
  secured.once('close', () => timer.cancel());
}

/** DNS-01: a TXT record that a command of the operator publishes (RFC 8555 section 8.4). */
export function dnsChallenge(clock: Clock, { dnsCommand, dnsWaitMs }: TlsAcmeConfig): Challenge {
  const [program, ...args] = dnsCommand ?? [];
  const call = async (action: 'add' | 'remove', { name, keyAuthorization }: ChallengeProof) => {
    if (program === undefined) throw new MailError('E_CONFIG', 'the challenge dns-01 needs dnsCommand');
    try {
      const record = `_acme-challenge.${name.replace(/^\*\./, '')}`;
      await run(program, [...args, action, record, keyAuthorization], { timeout: commandTimeoutMs });
    } catch (cause) {
      throw new MailError('E_TLS', `the command for DNS failed: ${messageOf(cause)}`, { cause });
    }
  };
  return {
    async add(proof, signal) {
      await call('add', proof);
      await clock.sleep(dnsWaitMs, signal);
    },
    remove: (proof) => call('remove', proof),
  };
}

function placeOf({ host, port }: TlsAcmeConfig['http']): { readonly host?: string; readonly port: number } {
  return host === undefined ? { port } : { host, port };
}
