/** The plugin: opens its ports at the start, and serves IMAP on them. */
import {
  Authenticator,
  Certificates,
  Clock,
  definePlugin,
  isMailError,
  Listeners,
  LoginFailures,
  MailboxStore,
  optional,
  Spool,
} from '@postroad/core';
import { ConnectionCounts } from './server/connection-counts.js';
import { configSchema, type ListenConfig, listensOf } from './server/options.js';
import { RecentMessages } from './server/recent-messages.js';
import { serveConnection } from './server/serve.js';
import type { ServerContext } from './server/session.js';
import { SpareBuffers } from './server/spare-buffers.js';

/** IMAP access: `accessImap({ port: 993, tls: 'implicit' })`, or several ports in `listen`. */
export const accessImap = definePlugin({
  name: 'access-imap',
  description: 'Serves mailboxes over IMAP.',
  config: configSchema,
  needs: {
    listeners: Listeners,
    authenticator: Authenticator,
    store: MailboxStore,
    spool: Spool,
    clock: Clock,
    failures: LoginFailures,
    certificates: optional(Certificates),
  },
  setup({ config, services, hostname, log, onStart }) {
    const { authenticator, store, spool, clock, certificates, failures } = services;
    const { limits } = config;
    const counts = new ConnectionCounts();
    const server: ServerContext = {
      hostname,
      store,
      authenticator,
      spool,
      clock,
      certificates,
      log,
      limits,
      counts,
      failures,
      spares: new SpareBuffers(),
      recent: new RecentMessages(store, log),
      hasAnnotations: false,
      hasShares: false,
    };
    onStart(async () => {
      server.hasShares = await sharesMailboxes(store);
      server.hasAnnotations = (await store.annotations?.({ accountId: '' })) !== undefined;
      for (const listen of listensOf(config)) await services.listeners.listen(listenOptions(server, listen));
    });
  },
});

function listenOptions(server: ServerContext, listen: ListenConfig): Parameters<Listeners['listen']>[0] {
  return {
    name: listen.tls === 'implicit' ? 'imaps' : 'imap',
    protocol: 'imap',
    role: 'access',
    ...(listen.host === undefined ? {} : { host: listen.host }),
    port: listen.port,
    tls: listen.tls,
    connectionsMax: server.limits.connectionsMax,
    overloadText: '* BYE too many connections\r\n',
    serve: (client, signal) => serveConnection(server, listen, client, signal),
  };
}

/** A store that shares tells so of any mailbox; a new store has none yet, but makes those of an account on first use. */
async function sharesMailboxes(store: MailboxStore): Promise<boolean> {
  if (store.shares === undefined) return false;
  try {
    return (await store.shares('')) !== undefined;
  } catch (error) {
    // There is no such mailbox: it would have told of one.
    if (isMailError(error, 'E_NOT_FOUND')) return true;
    throw error;
  }
}
