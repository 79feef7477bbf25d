/** The composition: a queue between programs nearby and one smarthost. Nothing is delivered here. */
import { join } from 'node:path';
import { authFile } from '@postroad/auth-file';
import { listener, type MtaOptions } from '@postroad/core';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { queueLmdb } from '@postroad/queue-lmdb';
import { routeLocal } from '@postroad/route-local';
import type { RelayOptions } from './options.js';

/** The users file of a relay. */
export function usersFileOf(options: RelayOptions): string {
  return join(options.dataDirectory, 'users');
}

/** The server, ready for `createMta`. */
export function relay(options: RelayOptions): MtaOptions {
  const { host, hostname, dataDirectory, smarthost, postmaster, caFile } = options;
  const at = (name: string) => join(dataDirectory, name);
  return {
    hostname,
    tls: { selfSignedDirectory: at('tls') },
    spool: { directory: at('spool') },
    control: { socket: at('control.sock') },
    log: { level: options.logLevel },
    plugins: [
      authFile({ file: usersFileOf(options) }),
      routeLocal({
        domains: [hostname],
        relayNetworks: options.trustedNetworks,
        smarthost,
        ...(postmaster === undefined ? {} : { postmaster }),
      }),
      queueLmdb({ directory: at('queue') }),
      deliverSmtp(caFile === undefined ? {} : { caFile }),
    ],
    listeners: [
      listener({ name: 'relay', host, port: options.port, role: 'relay' }),
      listener({
        name: 'submission',
        host,
        port: options.submissionPort,
        role: 'submission',
        senders: 'any',
      }),
    ],
  };
}
