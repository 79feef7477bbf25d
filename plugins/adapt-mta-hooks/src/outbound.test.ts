/** The outbound stages. */
import { accept, type DeliveryReport, definePlugin, reply } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { adaptMtaHooks } from './adapt-mta-hooks.js';
import { content, serve } from './service.test.kit.js';

it('tells of deliveries, gives up when told to, and changes notifications', async () => {
  const service = await serve({
    hook: ({ stage }) => {
      if (stage === 'defer') return { set: [{ path: '/action', value: 'cancel' }] };
      return stage === 'dsn'
        ? { set: [{ path: '/dsn/subject', value: 'Could not be delivered' }] }
        : undefined;
    },
  });
  let tries = 0;
  const failing = definePlugin({
    name: 'test-deliver',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address }) =>
        address.domain === 'example.net'
          ? { transport: 'local', accountId: 'alice' }
          : { transport: 'custom', name: 'test', target: 'x' },
      );
      tap('deliver', ({ recipients }): DeliveryReport => {
        tries++;
        const busy = reply(451, '4.1', 'busy');
        return {
          outcomes: recipients.map(({ index }) => ({ index, status: 'deferred' as const, reply: busy })),
        };
      });
    },
  });
  const filed: string[] = [];
  const watching = definePlugin({
    name: 'test-watch',
    setup: ({ tap }) =>
      tap('filing', ({ header }) => {
        filed.push(header.get('subject') ?? '');
        return undefined;
      }),
  });
  const hooks = adaptMtaHooks({
    services: [{ url: service.url, inbound: [], outbound: ['delivery', 'defer', 'dsn'] }],
  });
  await using server = await startTestMta({ plugins: [hooks, failing(), watching()] });
  await server.mta.submit({ reversePath: 'alice@example.net', recipients: ['bob@far.example'] }, content);
  await expect.poll(() => filed).toEqual(['Could not be delivered']);
  expect(tries).toBe(1);
  const stagesHeard = service.asked().map(({ stage }) => stage);
  expect(stagesHeard).toEqual(expect.arrayContaining(['delivery', 'defer', 'dsn']));
  const deferral = service.asked().find(({ stage }) => stage === 'defer');
  expect(deferral).toMatchObject({
    action: 'continue',
    envelope: {
      to: [{ address: 'bob@far.example', status: 'deferred', response: { code: 451, message: 'busy' } }],
    },
  });
});
