/** The plugin `access-pop3`: the inbox over POP3. */
import {
  Authenticator,
  Certificates,
  type ClientSocket,
  Clock,
  definePlugin,
  Listeners,
  MailboxStore,
  MailError,
  optional,
} from '@postroad/core';
import { createLoginFailures } from './login-failures.js';
import { createMaildropLocks } from './maildrop-locks.js';
import { accessPop3Schema, listensOf, type Pop3ListenOptions } from './options.js';
import { serveClient } from './serve-client.js';
import type { Pop3Server } from './session.js';

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
    certificates: optional(Certificates),
  },
  setup({ config, services, log, metrics, onStart, keep }) {
    const { authenticator, store, clock, listeners, certificates } = services;
    const sessions = metrics.gauge('pop3_sessions', 'POP3 sessions that are open');
    const retrieved = metrics.counter('pop3_messages_retrieved', 'Messages sent by RETR and TOP');
    const byAddress = new Map<string, number>();
    let open = 0;

    async function serve(
      server: Pop3Server,
      listen: Pop3ListenOptions,
      client: ClientSocket,
      signal: AbortSignal,
    ): Promise<void> {
      const { remoteAddress } = client.connection;
      const count = (byAddress.get(remoteAddress) ?? 0) + 1;
      if (count > config.limits.connectionsPerAddressMax) {
        client.socket.end(overloadText);
        return;
      }
      byAddress.set(remoteAddress, count);
      sessions.set(++open);
      client.socket.setKeepAlive(true, 60_000);
      const port = {
        hasStartTls: (listen.tls ?? 'starttls') === 'starttls' && certificates?.isAvailable === true,
        isPlaintextAuthAllowed: listen.plaintextAuth === true,
      };
      try {
        await serveClient(server, port, client, signal);
      } finally {
        sessions.set(--open);
        const left = (byAddress.get(remoteAddress) ?? 1) - 1;
        if (left === 0) byAddress.delete(remoteAddress);
        else byAddress.set(remoteAddress, left);
      }
    }

    onStart(async () => {
      // A session of the generation before may still have a maildrop.
      const locks = await keep(
        'access-pop3.locks',
        async () => createMaildropLocks(),
        async () => {},
      );
      const failures = createLoginFailures(clock, config.limits.loginFailureDelayMs);
      const { limits, markSeen } = config;
      const refusesUtf8Messages = config.utf8Messages === 'refuse';
      const server = {
        authenticator,
        store,
        clock,
        log,
        limits,
        locks,
        failures,
        markSeen,
        refusesUtf8Messages,
        retrieved,
      };
      for (const listen of listensOf(config)) {
        requireCertificate(listen, certificates?.isAvailable === true);
        await listeners.listen({
          name: listen.tls === 'implicit' ? 'pop3s' : 'pop3',
          protocol: 'pop3',
          role: 'access',
          port: listen.port,
          tls: listen.tls ?? 'starttls',
          connectionsMax: config.limits.connectionsMax,
          overloadText,
          serve: (client, signal) => serve(server, listen, client, signal),
          ...(listen.host === undefined ? {} : { host: listen.host }),
        });
      }
    });
  },
});

/** A port on which nobody could ever log in is a mistake. */
function requireCertificate(listen: Pop3ListenOptions, isAvailable: boolean): void {
  if (isAvailable || (listen.tls !== 'implicit' && listen.plaintextAuth === true)) return;
  throw new MailError('E_TLS', `POP3 on port ${listen.port} needs a certificate: set \`tls\` of the server`);
}

const overloadText = '-ERR [SYS/TEMP] too many connections\r\n';
