/** A token is remembered for a while, and never beyond its end. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BearerTokens, definePlugin, directoryMemory } from '@postroad/core';
import { createVirtualClock, startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { authOauth } from '../src/index.js';

const startMs = 1_700_000_000_000;

it.each([
  ['by its end', 10, 9_000, 11_000],
  ['by a minute', 3_600, 59_000, 61_000],
])('is asked about again %s', async (_what, lifeS, beforeMs, behindMs) => {
  let questions = 0;
  const claims = { active: true, scope: 'mail', email: 'bob@example.org', exp: startMs / 1_000 + lifeS };
  const service = createServer((request, response) => {
    request.resume().on('end', () => {
      // Taken back after the first question.
      response.end(JSON.stringify(questions++ === 0 ? claims : { active: false }));
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const { port } = service.address() as AddressInfo;
  let tokens: BearerTokens | undefined;
  const probe = definePlugin({
    name: 'probe',
    needs: { tokens: BearerTokens },
    setup({ services }) {
      tokens = services.tokens;
    },
  });
  const clock = createVirtualClock(startMs);
  const introspection = {
    url: `http://127.0.0.1:${port}/`,
    clientId: 'a',
    clientSecret: 'b',
    scope: ['mail'],
  };
  await using server = await startTestMta({
    clock,
    listeners: [],
    plugins: [directoryMemory({ accounts: [] }), authOauth({ introspection }), probe()],
  });
  try {
    expect(server.mta).toBeDefined();
    expect(await tokens?.subjectOf('good')).toBe('bob@example.org');
    await clock.advance(beforeMs);
    expect(await tokens?.subjectOf('good')).toBe('bob@example.org');
    expect(questions).toBe(1);
    await clock.advance(behindMs - beforeMs);
    expect(await tokens?.subjectOf('good')).toBeUndefined();
    expect(questions).toBe(2);
  } finally {
    service.closeAllConnections();
    await new Promise((resolve) => service.close(resolve));
  }
});
