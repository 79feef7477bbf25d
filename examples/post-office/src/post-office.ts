/** The composition: a whole mail server for one domain with the embedded engines. */
import { join } from 'node:path';
import { authFile } from '@postroad/auth-file';
import { listener, type MtaOptions, queueMemory, storeMemory } from '@postroad/core';
import { routeLocal } from '@postroad/route-local';
import type { PostOfficeOptions } from './options.js';

/** The users file of a post office. */
export function usersFileOf(options: PostOfficeOptions): string {
  return join(options.dataDirectory, 'users');
}

/** Whether everything stays on this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** The server, ready for `createMta`. */
export function postOffice(options: PostOfficeOptions): MtaOptions {
  const { host, domain, hostname, dataDirectory, ports } = options;
  const at = (name: string) => join(dataDirectory, name);
  // Passwords may go in plain text only where no network is crossed.
  const plaintextAuth = isLoopback(host);
  return {
    hostname,
    tls: { selfSignedDirectory: at('tls') },
    spool: { directory: at('spool') },
    control: { socket: at('control.sock') },
    log: { level: options.logLevel },
    ...(options.dnsServers.length === 0 ? {} : { dns: { servers: options.dnsServers } }),
    plugins: [
      authFile({ file: usersFileOf(options) }),
      routeLocal({ domains: [domain] }),
      queueMemory(),
      storeMemory(),
    ],
    listeners: [
      listener({ name: 'smtp', host, port: ports.smtp, role: 'relay' }),
      listener({ name: 'submission', host, port: ports.submission, role: 'submission', plaintextAuth }),
      listener({ name: 'submissions', host, port: ports.submissions, role: 'submission', tls: 'implicit' }),
      listener({ name: 'lmtp', host, port: ports.lmtp, role: 'lmtp' }),
    ],
  };
}
