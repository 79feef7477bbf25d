/** The plugin: signs what our users send, by the keys of their domain. */
import {
  Clock,
  DkimKeys,
  definePlugin,
  type Message,
  messageOf,
  Resigner,
  Resolver,
  renderHeaderPrefix,
} from '@postroad/core';
import { dkimCommands } from './commands.js';
import { recordsOf } from './key-record.js';
import { createKeyRing } from './key-ring.js';
import { config } from './options.js';
import { resignMessage } from './resign-message.js';
import { fromDomain, signMessage } from './sign-message.js';

/** What comes from strangers is not signed, whatever it says: a signature is our word. */
export const signDkim = definePlugin({
  name: 'sign-dkim',
  description: 'Signs outgoing messages with DKIM, by domain and selector.',
  config,
  needs: { clock: Clock, resolver: Resolver },
  provides: [DkimKeys, Resigner],
  commands: dkimCommands,
  setup({ config, services, log, metrics, tap, provide, onStart, defer }) {
    const { clock, resolver } = services;
    const ring = createKeyRing({ config, clock, resolver, log });
    const stop = new AbortController();
    const signed = metrics.counter('sign_dkim_signatures', 'DKIM signatures made');
    provide(DkimKeys, { records: (domain) => recordsOf(ring.all(), domain) });
    provide(Resigner, {
      resign: (changed) => resignMessage(changed, { ring, config, nowMs: clock.now(), signed }),
    });
    let refreshing: Promise<void> = Promise.resolve();
    onStart(async (signal) => {
      await ring.refresh(signal);
      refreshing = (async () => {
        while (!stop.signal.aborted) {
          try {
            await clock.sleep(config.refreshMs, stop.signal);
            await ring.refresh(stop.signal);
          } catch (error) {
            if (stop.signal.aborted) return;
            log.error('the DKIM keys could not be read', { reason: messageOf(error), error });
          }
        }
      })();
    });
    defer(async () => {
      stop.abort();
      await refreshing;
    });
    tap(
      'header',
      async (message, _findings, prefix) => {
        if (!isOurs(message)) return undefined;
        const domain = fromDomain(message.body);
        const keys = domain === undefined ? [] : ring.keysFor(domain);
        if (keys.length === 0) return undefined;
        const { body } = message;
        const fields = await signMessage(
          {
            headerPrefix: renderHeaderPrefix(prefix),
            header: body.headerBytes,
            content: () => body.open({ start: body.headerSizeBytes, end: body.sizeBytes }),
            keys,
            nowMs: clock.now(),
          },
          config,
        );
        signed.increase(fields.length);
        return [...fields, ...prefix];
      },
      { order: 'late' },
    );
  },
});

function isOurs({ transaction: { connection } }: Message): boolean {
  return (
    connection.role === 'submission' || connection.identity !== undefined || connection.protocol === 'code'
  );
}
