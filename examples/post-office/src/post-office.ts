/** The composition: a whole mail server for one domain with the embedded engines. */
import { join } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import { accessPop3 } from '@postroad/access-pop3';
import { authFile } from '@postroad/auth-file';
import { listener, type MtaOptions } from '@postroad/core';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { observeTimeline } from '@postroad/observe-timeline';
import { queueLmdb } from '@postroad/queue-lmdb';
import { routeLocal } from '@postroad/route-local';
import { storeLmdb } from '@postroad/store-lmdb';
import type { PostOfficeOptions } from './options.js';

/** The users file of a post office. */
export function usersFileOf(options: PostOfficeOptions): string {
  return join(options.dataDirectory, 'users');
}

/** Where `postroad` commands reach it. */
export function controlSocketOf(options: PostOfficeOptions): string {
  return join(options.dataDirectory, 'control.sock');
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
  const limits = options.sizeBytesMax === undefined ? {} : { sizeBytesMax: options.sizeBytesMax };
  const { retryDelaysMs, dnsServers } = options;
  return {
    hostname,
    tls: { selfSignedDirectory: at('tls') },
    spool: { directory: at('spool') },
    control: { socket: controlSocketOf(options) },
    log: { level: options.logLevel },
    workers: options.workers ?? 1,
    ...(dnsServers.length === 0 ? {} : { dns: { servers: dnsServers } }),
    ...(retryDelaysMs.length === 0 ? {} : { queue: { retryDelaysMs } }),
    plugins: [
      authFile({ file: usersFileOf(options) }),
      routeLocal({ domains: [domain] }),
      queueLmdb({ directory: at('queue') }),
      storeLmdb({ directory: at('store') }),
      observeTimeline({ directory: at('timeline') }),
      deliverSmtp({ port: options.mxPort, allowPrivateAddresses: options.isPrivateMxAllowed }),
      accessImap({
        listen: [
          { host, port: ports.imap, tls: 'starttls', plaintextAuth },
          { host, port: ports.imaps, tls: 'implicit' },
        ],
      }),
      accessPop3({
        listen: [
          { host, port: ports.pop3, tls: 'starttls', plaintextAuth },
          { host, port: ports.pop3s, tls: 'implicit' },
        ],
      }),
    ],
    listeners: [
      listener({ name: 'smtp', host, port: ports.smtp, role: 'relay', limits }),
      listener({
        name: 'submission',
        host,
        port: ports.submission,
        role: 'submission',
        plaintextAuth,
        limits,
      }),
      listener({
        name: 'submissions',
        host,
        port: ports.submissions,
        role: 'submission',
        tls: 'implicit',
        limits,
      }),
      listener({ name: 'lmtp', host, port: ports.lmtp, role: 'lmtp', limits }),
    ],
  };
}
