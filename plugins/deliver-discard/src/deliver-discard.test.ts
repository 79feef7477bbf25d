import { accept, definePlugin, type MailAddress, type SettledEvent } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { deliverDiscard } from './deliver-discard.js';

test('takes the mail of its domains and no other', async () => {
  const settled: SettledEvent[] = [];
  const watch = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('settled', (event) => void settled.push(event));
    },
  });
  await using server = await startTestMta({
    plugins: [deliverDiscard({ domains: ['Sink.Example'] }), watch()],
  });
  const address = (domain: string): MailAddress => ({ localPart: 'a', domain });
  const recipients = [{ address: address('sink.example') }, { address: address('other.example') }];
  await server.mta.submit({ reversePath: null, recipients }, Buffer.from('Subject: x\r\n\r\n'));
  await expect.poll(() => settled.length).toBe(2);
  const status = new Map(settled.map((event) => [event.recipient.address.domain, event.status]));
  expect(status.get('sink.example')).toBe('delivered');
  expect(status.get('other.example')).not.toBe('delivered');
});
