/** Answering the ACME server's question whether a name is ours (RFC 8555 section 8, RFC 8737). */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { createSecureContext, type SecureContext } from 'node:tls';
import { promisify } from 'node:util';
import {
  type Clock,
  type FindPage,
  type Listeners,
  MailError,
  messageOf,
  type WellKnownPages,
} from '@postroad/core';
import type { TlsAcmeConfig } from './options.js';
import type { PemPair } from './pair.js';
import { ProofFiles } from './proof-files.js';

const run = promisify(execFile);
const commandTimeoutMs = 120_000;
/** Between the proofs of one name. */
const separator = '# the same with another kind of key\n';
const challengePath = '/.well-known/acme-challenge/';

type Place = Exclude<TlsAcmeConfig['http'], 'shared'>;

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
  /** Keys and certificates with the proof in them, for `tls-alpn-01`: one for each kind of key that we may show. */
  certificates(): Promise<readonly PemPair[]>;
}

/** HTTP-01: a page under a well-known path (RFC 8555 section 8.3), on a port of its own or on another plugin's. */
export async function httpChallenge(
  listeners: Listeners,
  pages: WellKnownPages,
  { http, directory }: TlsAcmeConfig,
): Promise<Challenge> {
  const proofs = new ProofFiles(directory);
  const find = async (token: string) =>
    /^[\w-]{1,200}$/.test(token) ? await proofs.read(`${token}.txt`) : undefined;
  if (http === 'shared') pages.serve(challengePath, find);
  else await serveChallenges(listeners, http, find);
  return {
    add: ({ token, keyAuthorization }) => proofs.write(`${token}.txt`, keyAuthorization),
    remove: ({ token }) => proofs.remove(`${token}.txt`),
  };
}

async function serveChallenges(listeners: Listeners, place: Place, find: FindPage): Promise<void> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 1_000 },
    (request, response) => {
      const { url = '' } = request;
      const found = url.startsWith(challengePath) ? find(url.slice(challengePath.length)) : undefined;
      Promise.resolve(found).then(
        (page) => {
          response.writeHead(page === undefined ? 404 : 200, {
            'content-type': 'application/octet-stream',
            connection: 'close',
          });
          response.end(page);
        },
        () => response.destroy(),
      );
    },
  );
  await listeners.listen({
    ...placeOf(place),
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
}

/**
 * TLS-ALPN-01: a certificate that is only shown to who asks for `acme-tls/1` (RFC 8737). Every listener with TLS from the
 * first octet shows it; a port is opened for it unless one of them has the port already.
 */
export async function alpnChallenge(
  listeners: Listeners,
  { alpn, directory }: TlsAcmeConfig,
): Promise<Challenge> {
  const proofs = new ProofFiles(directory);
  if (alpn !== 'shared') {
    await listeners.listen({
      ...placeOf(alpn),
      name: 'acme-tls-alpn',
      protocol: 'acme-tls',
      role: 'internal',
      tls: 'implicit',
      connectionsMax: 100,
      // Who asks for a proof never comes here.
      serve: ({ socket }) => void socket.destroy(),
    });
  }
  return {
    async add({ name, certificates }) {
      const blocks = (await certificates()).map(({ key, chain }) => `${key.trimEnd()}\n${chain.trimEnd()}\n`);
      await proofs.write(`${name}.pem`, blocks.join(separator));
    },
    remove: ({ name }) => proofs.remove(`${name}.pem`),
  };
}

/** What TLS-ALPN-01 shows for a name; nothing for what is not being proven. The name comes from a stranger. */
export function proofFor(directory: string, serverName: string): readonly SecureContext[] {
  if (!/^[a-z0-9.-]{1,253}$/.test(serverName)) return [];
  const pem = new ProofFiles(directory).readNow(`${serverName}.pem`);
  const blocks = pem?.split(separator) ?? [];
  return blocks.map((block) => createSecureContext({ key: block, cert: block, minVersion: 'TLSv1.2' }));
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

function placeOf({ host, port }: Place): { readonly host?: string; readonly port: number } {
  return host === undefined ? { port } : { host, port };
}
