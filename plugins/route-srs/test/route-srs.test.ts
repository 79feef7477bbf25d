import { once } from 'node:events';
import { connect } from 'node:net';
import {
  accept,
  definePlugin,
  formatAddress,
  formatReversePath,
  type MailAddress,
  parseAddress,
  reply,
} from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { routeSrs } from '../src/route-srs.js';
import { readSender, rewriteSender, type SrsOptions } from '../src/srs-address.js';

const options: SrsOptions = { domain: 'fwd.test', secrets: ['a secret of sixteen'], daysMax: 14 };
const dayMs = 86_400_000;
const now = 1_700_000_000_000;
const address = (text: string) => parseAddress(text) as MailAddress;
const rewrite = (text: string, more: Partial<SrsOptions> = {}) =>
  rewriteSender(address(text), { ...options, ...more }, now) as MailAddress;

test('leads back, for as many days as it should, whatever a server does to its case', () => {
  const made = rewrite('alice+x=y@example.com');
  expect(formatAddress(made)).toMatch(/^SRS0=[0-9a-f]{8}=[A-Z2-7]{2}=example\.com=alice\+x=y@fwd\.test$/);
  expect(readSender(made, options, now)).toEqual({
    status: 'valid',
    address: address('alice+x=y@example.com'),
  });
  const lower = { ...made, localPart: made.localPart.toLowerCase() };
  expect(readSender(lower, options, now + 14 * dayMs).status).toBe('valid');
  expect(readSender(made, options, now + 15 * dayMs).status).toBe('expired');
  expect(readSender(made, options, now - dayMs).status).toBe('expired');
});

test('nobody else can make one, but an old secret is still believed', () => {
  const made = rewrite('alice@example.com');
  const forged = (from: string, to: string) =>
    readSender({ ...made, localPart: made.localPart.replace(from, to) }, options, now).status;
  expect(forged('alice', 'bob')).toBe('forged');
  expect(forged('example.com', 'example.org')).toBe('forged');
  expect(readSender(address('SRS0=x@fwd.test'), options, now).status).toBe('forged');
  expect(readSender(address('SRS1=0123=a==b@fwd.test'), options, now).status).toBe('forged');
  const renewed = { ...options, secrets: ['another long secret', ...options.secrets] };
  expect(readSender(made, renewed, now).status).toBe('valid');
  expect(readSender(rewrite('a@b.example', renewed), options, now).status).toBe('forged');
});

test('a chain of forwarders leads back to the first', () => {
  const first = rewrite('alice@example.com', { domain: 'one.test' });
  const second = rewriteSender(first, options, now) as MailAddress;
  expect(second.localPart).toMatch(/^SRS1=[0-9a-f]{8}=one\.test==[0-9a-f]{8}=/);
  const third = rewriteSender(
    second,
    { ...options, domain: 'three.test', secrets: ['the secret of a third'] },
    now,
  ) as MailAddress;
  expect(third.localPart).toMatch(/^SRS1=[0-9a-f]{8}=one\.test==[0-9a-f]{8}=/);
  const back = readSender(second, options, now);
  expect(back).toEqual({ status: 'valid', address: first });
});

test('every address that fits comes back as it was', () => {
  const local = fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}$/);
  void fc.assert(
    fc.property(local, (localPart) => {
      const made = rewriteSender({ localPart, domain: 'example.com' }, options, now);
      fc.pre(made !== undefined && !/^srs[01][=+-]/i.test(localPart));
      expect(readSender(made as MailAddress, options, now)).toEqual({
        status: 'valid',
        address: { localPart, domain: 'example.com' },
      });
    }),
  );
  expect(rewriteSender({ localPart: 'x'.repeat(50), domain: 'example.com' }, options, now)).toBeUndefined();
});

test('forwards under its own name, takes the bounce back, and is no relay', async () => {
  const delivered: string[] = [];
  const others = definePlugin({
    name: 'deliver-test',
    setup({ tap }) {
      tap(
        'recipient',
        (_transaction, recipient) => (recipient.address.domain === 'here.test' ? accept() : undefined),
        { order: 'late' },
      );
      tap('expand', (_message, recipients) =>
        recipients.map((one) =>
          one.address.localPart === 'forward' ? { ...one, address: address('bob@next.example') } : one,
        ),
      );
      tap('route', (_envelope, { address: { domain } }) => ({ transport: 'mx', domain }));
      tap('deliver', ({ message, route, recipients }) => {
        const path = 'reversePath' in route ? route.reversePath : undefined;
        delivered.push(
          `${formatReversePath(path ?? message.reversePath)} > ${recipients.map((one) => formatAddress(one.address)).join()}`,
        );
        return {
          outcomes: recipients.map(({ index }) => ({
            index,
            status: 'delivered',
            reply: reply(250, '0.0', 'ok'),
          })),
        };
      });
    },
  });
  const server = await startTestMta({
    plugins: [
      routeSrs({ domain: 'fwd.test', secrets: [...options.secrets], localDomains: ['here.test'] }),
      others(),
    ],
  });
  const send = async (from: string, to: string): Promise<string> => {
    const socket = connect(server.port('relay'), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`EHLO x\r\nMAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    let heard = '';
    for await (const chunk of socket) {
      heard += String(chunk);
      if (/^354 /m.test(String(chunk))) socket.write('Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n');
      else if (/^5\d\d .*\r\n$/m.test(String(chunk))) socket.end('QUIT\r\n');
    }
    return heard;
  };
  const next = async () => {
    await expect.poll(() => delivered.length).toBeGreaterThan(0);
    return delivered.shift() ?? '';
  };
  await send('alice@example.com', 'forward@here.test');
  const [from = '', to] = (await next()).split(' > ');
  expect(from).toMatch(/^SRS0=.*=example\.com=alice@fwd\.test$/);
  expect(to).toBe('bob@next.example');
  await send('', from);
  expect(await next()).toBe(' > alice@example.com');
  await send('carol@here.test', 'forward@here.test');
  expect(await next()).toBe('carol@here.test > bob@next.example');
  await server.mta.submit(
    { reversePath: 'alice@example.com', recipients: ['x@here.test'] },
    'Subject: x\r\n\r\n',
  );
  expect(await next()).toBe('alice@example.com > x@here.test');

  expect(await send('spammer@evil.example', from)).toMatch(/^550 5\.1\.1 no such user/m);
  expect(await send('', from.replace('alice', 'victim'))).toMatch(/^550 5\.1\.1/m);
  await server.stop();
});
