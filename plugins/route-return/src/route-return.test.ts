import { type DeliveryReport, definePlugin, formatAddress, type ReportedEvent, reply } from '@postroad/core';
import { playDialogue, startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { routeReturn } from './route-return.js';

const secret = 'a secret of some length';

/** A server whose deliveries are noted, with what it heard of reports. */
async function start() {
  const reported: ReportedEvent[] = [];
  const paths: string[] = [];
  const watch = definePlugin({
    name: 'watch-test',
    setup({ tap }) {
      tap('recipient', (transaction) =>
        transaction.connection.protocol === 'code' ? { verdict: 'accept' } : undefined,
      );
      tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
      tap('deliver', ({ route, recipients, message }): DeliveryReport | undefined => {
        if (route.transport !== 'mx') return undefined;
        paths.push(formatAddress(route.reversePath ?? message.reversePath ?? { localPart: '', domain: '' }));
        return {
          outcomes: recipients.map(({ index }) => ({
            index,
            status: 'delivered',
            reply: reply(250, '0.0', 'ok'),
          })),
        };
      });
      tap('reported', (event) => void reported.push(event));
    },
  });
  const server = await startTestMta({
    plugins: [
      routeReturn({
        domain: 'returns.example.org',
        secret,
        senders: ['news.example.org'],
        reportAddresses: ['fbl@example.org'],
      }),
      watch(),
    ],
  });
  return { server, reported, paths };
}

const bounce = [
  'Content-Type: multipart/report; boundary=b',
  '',
  '--b',
  'Content-Type: message/delivery-status',
  '',
  'Reporting-MTA: dns; mx.example.net',
  '',
  'Final-Recipient: rfc822; bob@example.net',
  'Action: failed',
  'Status: 5.1.1',
  '--b--',
  '',
].join('\r\n');

test('each recipient gets a path of its own, and what comes back to it is told', async () => {
  const { server, reported, paths } = await start();
  await using _ = server;
  await server.mta.submit(
    { reversePath: 'list@news.example.org', recipients: ['bob@example.net', 'carol@example.net'] },
    'Subject: x\r\n\r\nhello\r\n',
  );
  await expect.poll(() => paths.length).toBe(2);
  expect(paths.every((path) => path.startsWith('b+'))).toBe(true);
  const bob = paths.find((path) => path.includes('=bob=')) as string;

  await playDialogue(
    { port: server.port('relay') },
    `
    S: 220 ...
    C: EHLO mx.example.net
    S: ...
    S: 250 ...
    C: MAIL FROM:<>
    S: 250 ...
    C: RCPT TO:<${bob.replace('=bob=', '=eve=')}>
    S: 550 5.1.1 ...
    C: RCPT TO:<${bob}>
    S: 250 ...
    C: DATA
    S: 354 ...
    C: ${bounce.split('\r\n').join('\n    C: ')}
    C: .
    S: 250 ...
  `,
  );
  await expect.poll(() => reported.length).toBe(1);
  expect(reported[0]).toMatchObject({
    provenRecipient: { localPart: 'bob', domain: 'example.net' },
    report: { kind: 'bounce', recipients: [{ bounceClass: 'address', isHard: true }] },
  });
});

test('other senders keep theirs, and a report to a report address proves nothing', async () => {
  const { server, reported, paths } = await start();
  await using _ = server;
  await server.mta.submit(
    { reversePath: 'alice@example.org', recipients: ['bob@example.net'] },
    'Subject: x\r\n\r\nhello\r\n',
  );
  await expect.poll(() => paths).toEqual(['alice@example.org']);
  await server.mta.submit({ reversePath: '', recipients: ['fbl@example.org'] }, bounce);
  await expect.poll(() => reported.length).toBe(1);
  expect(reported[0]?.provenRecipient).toBeUndefined();
  await server.mta.submit(
    { reversePath: '', recipients: ['fbl@example.org'] },
    'Subject: hi\r\n\r\nhello\r\n',
  );
  await expect.poll(async () => (await server.mta.queue.count()).recipients).toBe(0);
  expect(reported).toHaveLength(1);
});

test('a complaint that names a path of ours is proven by it', async () => {
  const { server, reported, paths } = await start();
  await using _ = server;
  await server.mta.submit(
    { reversePath: 'list@news.example.org', recipients: ['bob@example.net'] },
    'Subject: x\r\n\r\nhello\r\n',
  );
  await expect.poll(() => paths.length).toBe(1);
  const complaint = bounce
    .replace('delivery-status', 'feedback-report')
    .replace('Reporting-MTA: dns; mx.example.net', `Feedback-Type: abuse\r\nOriginal-Mail-From: ${paths[0]}`);
  await server.mta.submit({ reversePath: '', recipients: ['fbl@example.org'] }, complaint);
  await expect.poll(() => reported.length).toBe(1);
  expect(reported[0]).toMatchObject({
    provenRecipient: { localPart: 'bob', domain: 'example.net' },
    report: { kind: 'complaint', complaint: { feedbackType: 'abuse' } },
  });
});

test('a secret that is missing or short refuses the start', async () => {
  const refused = { code: 'E_CONFIG' };
  const options = { domain: 'returns.example.org' };
  await expect(startTestMta({ plugins: [routeReturn(options)] })).rejects.toMatchObject(refused);
  await expect(
    startTestMta({ plugins: [routeReturn({ ...options, secretFile: '/nowhere/at/all' })] }),
  ).rejects.toMatchObject(refused);
});
