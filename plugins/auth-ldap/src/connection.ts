/** One connection to a server: encrypted before anything is said on it, and never made anew behind our back. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Logger, MailError, messageOf } from '@postroad/core';
import { Client, type Entry } from 'ldapts';
import type { AuthLdapConfig } from './options.js';

/** A connection. It is used for one thing at a time. */
export interface LdapConnection {
  readonly isOpen: boolean;
  readonly client: Client;
  close(): Promise<void>;
}

/** Opens a connection to the first server that answers; throws `E_DIRECTORY` when none does. */
export async function openConnection(config: AuthLdapConfig, log: Logger): Promise<LdapConnection> {
  let failure: unknown;
  for (const url of config.urls) {
    try {
      return await openTo(url, config);
    } catch (error) {
      failure = error;
      log.warn('an LDAP server does not answer', { url, error: messageOf(error) });
    }
  }
  throw new MailError('E_DIRECTORY', `no LDAP server answers: ${messageOf(failure)}`, { cause: failure });
}

async function openTo(url: string, config: AuthLdapConfig): Promise<LdapConnection> {
  const { startTls, tlsCa, timeoutMs } = config;
  const isSecure = url.startsWith('ldaps:');
  const servername = new URL(url.replace(/^ldaps?:/, 'http:')).hostname.replace(/^\[|\]$/g, '');
  // An address can't be a server name; the certificate is checked against it all the same, as the host.
  const tlsOptions = {
    ...(tlsCa === undefined ? {} : { ca: tlsCa }),
    host: servername,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  } as const;
  const client = new Client({
    url,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    strictDN: false,
    // The client would connect again by itself, without TLS and without a bind: once is enough.
    createConnection: once(connectTcp),
    // With these options it would speak TLS at once, on any URL.
    ...(isSecure ? { tlsOptions, createSecureConnection: once(connectTls) } : {}),
  });
  const connection = {
    client,
    get isOpen() {
      return client.isConnected;
    },
    close: () => client.unbind().catch(() => undefined),
  };
  try {
    if (startTls && !isSecure) await client.startTLS(tlsOptions);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A function that may be called one time. */
function once<F extends (...given: never[]) => unknown>(connect: F): F {
  let isUsed = false;
  return ((...given: Parameters<F>) => {
    if (isUsed) throw new Error('the connection to the LDAP server is gone');
    isUsed = true;
    return connect(...given);
  }) as F;
}

/** An entry that was found. */
export type { Entry };
