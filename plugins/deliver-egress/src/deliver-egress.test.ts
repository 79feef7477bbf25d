import { accept, type Delivery, definePlugin, reply } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { deliverEgress } from './deliver-egress.js';

test('deliveries get the policy of their rule', async () => {
  const deliveries: Delivery[] = [];
  const watch = definePlugin({
    name: 'deliver-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
      tap('deliver', (delivery) => {
        deliveries.push(delivery);
        return { outcomes: [{ index: 0, status: 'delivered', reply: reply(250, '0.0', 'ok') }] };
      });
    },
  });
  const rules = [{ to: ['example.net'], tls: 'required' as const, sources: [{ address: '192.0.2.7' }] }];
  await using server = await startTestMta({ plugins: [watch(), deliverEgress({ rules })] });
  const recipients = [{ address: { localPart: 'a', domain: 'example.net' } }];
  await server.mta.submit({ reversePath: null, recipients }, Buffer.from('Subject: x\r\n\r\n'));
  await expect.poll(() => deliveries.length).toBe(1);
  expect(deliveries[0]?.egress).toEqual({ tls: 'required', sourceAddress: '192.0.2.7' });
});
