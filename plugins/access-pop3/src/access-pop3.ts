/** The plugin `access-pop3`: the inbox over POP3. */
import {
  Authenticator,
  Certificates,
  type ClientSocket,
  Clock,
  createReadBuffer,
  definePlugin,
  Listeners,
  type ListenOptions,
  LoginFailures,
  MailboxStore,
  MailError,
  optional,
} from '@postroad/core';
import { createMaildropLocks } from './maildrop-locks.js';
import { accessPop3Schema, listensOf, type Pop3ListenOptions } from './options.js';
import { Scratch } from './scratch.js';
import { serveClient } from './serve-client.js';
import type { Pop3Port, Pop3Server } from './session.js';
import { createSessionCounts, type SessionCounts } from './session-counts.js';

/** Opens POP3 ports. */
export const accessPop3 = definePlugin({
  name: 'access-pop3',
  description: 'Reading the inbox over POP3.',
  config: accessPop3Schema,
  needs: {
    listeners: Listeners,
    authenticator: Authenticator,
    store: MailboxStore,
    clock: Clock,
    failures: LoginFailures,
    certificates: optional(Certificates),
  },
  setup({ config, services, log, metrics, onStart, keep }) {
    const { authenticator, store, clock, failures, listeners, certificates } = services;
    const { limits, markSeen } = config;
    const retrieved = metrics.counter('pop3_messages_retrieved_total', 'Messages sent by RETR and TOP');
    const sessions = createSessionCounts(
      limits.connectionsPerAddressMax,
      metrics.gauge('pop3_sessions_open', 'POP3 sessions that are open'),
    );
    onStart(async () => {
      const hasCertificate = certificates?.isAvailable === true;
      // A session of the generation before may still have a maildrop.
      const locks = await keep(
        'access-pop3.locks',
        async () => createMaildropLocks(),
        async () => {},
      );
      const scratch = new Scratch();
      const readBuffer = createReadBuffer();
      const refusesUtf8Messages = config.utf8Messages === 'refuse';
      const shared = { authenticator, store, clock, log, limits, markSeen };
      const server = { ...shared, locks, failures, refusesUtf8Messages, retrieved, scratch, readBuffer };
      for (const listen of listensOf(config)) {
        requireCertificate(listen, hasCertificate);
        const port = portOf(listen, hasCertificate);
        await listeners.listen({
          ...listenOptionsOf(listen, limits.connectionsMax),
          serve: (client, signal) => serveCounted(sessions, server, port, client, signal),
        });
      }
    });
  },
});

async function serveCounted(
  sessions: SessionCounts,
  server: Pop3Server,
  port: Pop3Port,
  client: ClientSocket,
  signal: AbortSignal,
): Promise<void> {
  const { remoteAddress } = client.connection;
  if (!sessions.add(remoteAddress)) {
    client.socket.end(overloadText);
    return;
  }
  try {
    client.socket.setKeepAlive(true, 60_000);
    await serveClient(server, port, client, signal);
  } finally {
    sessions.remove(remoteAddress);
  }
}

function listenOptionsOf(listen: Pop3ListenOptions, connectionsMax: number): Omit<ListenOptions, 'serve'> {
  return {
    name: listen.tls === 'implicit' ? 'pop3s' : 'pop3',
    protocol: 'pop3',
    role: 'access',
    port: listen.port,
    tls: listen.tls ?? 'starttls',
    connectionsMax,
    overloadText,
    ...(listen.host === undefined ? {} : { host: listen.host }),
  };
}

function portOf(listen: Pop3ListenOptions, hasCertificate: boolean): Pop3Port {
  return {
    hasStartTls: (listen.tls ?? 'starttls') === 'starttls' && hasCertificate,
    isPlaintextAuthAllowed: listen.plaintextAuth === true,
  };
}

/** A port on which nobody could ever log in is a mistake. */
function requireCertificate(listen: Pop3ListenOptions, isAvailable: boolean): void {
  if (isAvailable || (listen.tls !== 'implicit' && listen.plaintextAuth === true)) return;
  throw new MailError('E_TLS', `POP3 on port ${listen.port} needs a certificate: set \`tls\` of the server`);
}

const overloadText = '-ERR [SYS/TEMP] too many connections\r\n';
