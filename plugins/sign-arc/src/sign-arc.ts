/** The plugin: seals what comes from outside with what was found out about it, for those it is handed on to. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Clock, definePlugin, MailError, messageAuthentication, messageOf } from '@postroad/core';
import { config } from './options.js';
import { sealMessage } from './seal-message.js';

/** Needs a plugin that checks, such as `check-auth`: what was not checked is not sealed. */
export const signArc = definePlugin({
  name: 'sign-arc',
  description: 'Seals messages from outside with ARC, so that the next hop knows what we found out.',
  config,
  needs: { clock: Clock },
  setup({ config, services, hostname, log, tap, onStart }) {
    let key: KeyObject | undefined;
    onStart(async () => {
      key = await readKey(config.keyFile);
    });
    tap(
      'header',
      async (message, _findings, prefix) => {
        const authentication = message.get(messageAuthentication);
        if (authentication === undefined || key === undefined) return undefined;
        const nowMs = services.clock.now();
        const set = await sealMessage(
          { hostname, prefix, body: message.body, authentication, key, nowMs },
          config,
        );
        if (set === undefined) log.debug('a broken ARC chain is not sealed again', { message: message.id });
        return set === undefined ? undefined : [...set, ...prefix];
      },
      // The seal covers what others put in front, signatures among it.
      { order: 'late', after: ['sign-dkim', 'check-auth'] },
    );
  },
});

async function readKey(file: string): Promise<KeyObject> {
  try {
    const key = createPrivateKey(await readFile(file));
    // RFC 8617 section 4.1.3 and RFC 8301 section 3.2.
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType !== 'rsa' || bits < 2_048)
      throw new Error('it is no RSA key of 2,048 bits or more');
    return key;
  } catch (cause) {
    throw new MailError('E_CONFIG_FILE', `${file} can not seal: ${messageOf(cause)}`, { cause });
  }
}
