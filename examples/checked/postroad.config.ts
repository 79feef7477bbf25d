/** A mail server behind all the usual checks: `npx postroad start --config examples/checked`. */
import { join, resolve } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import { defineConfig, directoryMemory, listener } from '@postroad/core';
import { queueLmdb } from '@postroad/queue-lmdb';
import { routeLocal } from '@postroad/route-local';
import { storeLmdb } from '@postroad/store-lmdb';
import { checks } from './checks.js';

const host = '127.0.0.1';
const said = (name: string) => process.env[name] ?? '';
const listed = (name: string) => said(name).split(',').filter(Boolean);
const directory = resolve(said('DATA') || '.postroad-checked');

export default defineConfig({
  hostname: 'mail.example.org',
  control: { socket: join(directory, 'control.sock') },
  spool: { directory: join(directory, 'spool') },
  ...(said('DNS') === '' ? {} : { dns: { servers: listed('DNS') } }),
  plugins: [
    // For this example; a real server names auth-file, auth-sql or auth-ldap.
    directoryMemory({
      accounts: [
        { address: 'alice@example.org', password: 'wonderland' },
        { address: 'bob@example.org', password: 'builder' },
      ],
    }),
    routeLocal({ domains: ['example.org'] }),
    queueLmdb({ directory: join(directory, 'queue') }),
    storeLmdb({ directory: join(directory, 'store') }),
    accessImap({ host, port: Number(said('IMAP_PORT') || 2144), tls: 'none', plaintextAuth: true }),
    ...checks({
      directory,
      blockLists: listed('BLOCK_LISTS'),
      rspamd: said('RSPAMD') || undefined,
    }),
  ],
  listeners: [
    listener({
      name: 'smtp',
      host,
      port: Number(said('SMTP_PORT') || 2528),
      role: 'relay',
      tls: 'none',
      // A proxy that may say for whom it speaks, by XCLIENT; nobody unless you name them.
      xclientFrom: listed('PROXIES'),
    }),
  ],
});
