/** The plugin `auth-oauth`: logins with bearer tokens. */
import { createHash } from 'node:crypto';
import { BearerTokens, boundedCache, Clock, definePlugin } from '@postroad/core';
import { createIntrospection } from './introspection.js';
import { config } from './options.js';
import { createSignedTokens } from './signed-tokens.js';

/** Longest token that is looked at. */
const tokenOctetsMax = 12_288;

/**
 * Provides `BearerTokens`. A token of one of the issuers is checked here and nowhere else; any other one is asked about,
 * if there is somebody to ask. Whose account it opens, the directory says.
 */
export const authOauth = definePlugin({
  name: 'auth-oauth',
  description: 'Logins with bearer tokens of OAuth 2.0.',
  config,
  needs: { clock: Clock },
  provides: [BearerTokens],
  setup({ config, services, provide }) {
    const { clock } = services;
    const { introspection, cacheMs, timeoutMs, cacheEntriesMax } = config;
    const now = () => clock.now();
    const signed = createSignedTokens(config, now);
    const ask = introspection === undefined ? undefined : createIntrospection(introspection, timeoutMs, now);
    // Tokens are remembered by their digest, and not beyond their end; refused ones are not remembered.
    const known = boundedCache<string, string>({ entriesMax: cacheEntriesMax, clock });
    const scope = (config.issuers[0] ?? introspection)?.scope?.join(' ');
    provide(BearerTokens, {
      ...(scope === undefined ? {} : { scope }),
      ...(config.openIdConfiguration === undefined
        ? {}
        : { openIdConfiguration: config.openIdConfiguration }),
      async subjectOf(token, signal) {
        if (token.length > tokenOctetsMax) return undefined;
        const key = createHash('sha256').update(token).digest('base64');
        const name = known.get(key);
        if (name !== undefined) return name;
        const checked = await signed(token);
        const subject = checked === 'foreign' ? await ask?.(token, signal) : checked;
        if (subject === undefined) return undefined;
        const leftMs = subject.expiresAtS === undefined ? cacheMs : subject.expiresAtS * 1_000 - now();
        if (cacheMs > 0 && leftMs > 0) known.set(key, subject.name, Math.min(cacheMs, leftMs));
        return subject.name;
      },
    });
  },
});
