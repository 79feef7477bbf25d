/** Which mechanisms a connection is offered, and how each begins. */
import type { Connection } from '../context/connection.js';
import type { BearerTokens } from '../services/bearer-tokens.js';
import type { Directory } from '../services/directory.js';
import { oauthBearer, xoauth2 } from './bearer.js';
import { external } from './external.js';
import type { Mechanism, MechanismContext } from './mechanism.js';
import { login, plain } from './password.js';
import { scram } from './scram.js';

/** What decides about the offer. */
export interface Offerer {
  readonly directory: Directory | undefined;
  readonly tokens: BearerTokens | undefined;
  serverNonce(): string;
}

/** The names to offer now, the strongest first. */
export function offerOf(connection: Connection, { directory, tokens }: Offerer): readonly string[] {
  // Not even SCRAM before TLS: who listens could guess the password at leisure, and take over what comes after.
  if (connection.tls === undefined && !connection.mayShowPassword) return [];
  const hashes = directory?.scram?.hashes.map((hash) => `SCRAM-${hash}`) ?? [];
  const { channel } = connection;
  return [
    ...(canBind(connection) ? hashes.map((name) => `${name}-PLUS`) : []),
    ...hashes,
    ...(channel?.clientCertificate === undefined ? [] : ['EXTERNAL']),
    ...(tokens === undefined ? [] : ['OAUTHBEARER', 'XOAUTH2']),
    'PLAIN',
    'LOGIN',
  ];
}

/** Begins a mechanism; `undefined` when it is not offered. */
export function beginMechanism(
  name: string,
  connection: Connection,
  offerer: Offerer,
): Mechanism | undefined {
  if (!offerOf(connection, offerer).includes(name)) return undefined;
  const context = contextOf(connection, offerer);
  const scramName = /^SCRAM-(SHA-256|SHA-1)(-PLUS)?$/.exec(name);
  if (scramName !== null && context.scram !== undefined) {
    const hash = scramName[1] === 'SHA-1' ? 'SHA-1' : 'SHA-256';
    return scram(hash, scramName[2] !== undefined, context.scram, context);
  }
  switch (name) {
    case 'PLAIN':
      return plain();
    case 'LOGIN':
      return login();
    case 'OAUTHBEARER':
      return oauthBearer(context);
    case 'XOAUTH2':
      return xoauth2(context);
    default:
      return context.clientCertificate === undefined ? undefined : external(context.clientCertificate);
  }
}

function contextOf(connection: Connection, { directory, tokens, serverNonce }: Offerer): MechanismContext {
  const { channel } = connection;
  return {
    serverNonce,
    scram: directory?.scram,
    isPlusOffered: canBind(connection),
    binding: (type) => channel?.binding(type),
    clientCertificate: channel?.clientCertificate,
    bearerHints: tokens ?? {},
    signal: connection.signal,
  };
}

function canBind({ channel }: Connection): boolean {
  if (channel === undefined) return false;
  return (
    channel.binding('tls-exporter') !== undefined || channel.binding('tls-server-end-point') !== undefined
  );
}
