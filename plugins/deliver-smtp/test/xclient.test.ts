import { expect, test } from 'vitest';
import { parseCapabilities } from '../src/client/capabilities.js';
import { nameClient } from '../src/client/name-client.js';
import type { SmtpConnection } from '../src/client/smtp-connection.js';
import { harness, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

const offers = ['PIPELINING', 'XCLIENT NAME ADDR PROTO HELO', '8BITMIME'];
const said = (lines: readonly string[]) => lines.filter((line) => /^(?:XCLIENT|EHLO)/.test(line));

test('a next hop that is trusted is told whose message it is, and greeted again', async () => {
  const server = await serve(
    polite({ offers, answer: (line) => (line.startsWith('XCLIENT') ? '220 mx ready again' : undefined) }),
  );
  const { deliver } = harness({ xclientTo: ['localhost'] });
  expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
  expect(said(server.lines)).toEqual([
    'EHLO out.example.org',
    'XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 PROTO=ESMTP HELO=client',
    'EHLO out.example.org',
  ]);
});

test('others, and those that do not offer it, are told nothing', async () => {
  const server = await serve(polite({ offers }));
  await harness({ xclientTo: ['elsewhere.test'] }).deliver(smtp(server));
  const silent = await serve(polite());
  expect(told(await harness({ xclientTo: ['localhost'] }).deliver(smtp(silent)))).toEqual([
    'delivered 250 2.0.0 taken',
  ]);
  expect([...said(server.lines), ...said(silent.lines)]).toEqual([
    'EHLO out.example.org',
    'EHLO out.example.org',
  ]);
});

test('a client can not say more of itself than its name', async () => {
  const sent: string[] = [];
  const connection = {
    capabilities: parseCapabilities(['mx', 'XCLIENT ADDR HELO']),
    async command(text: string) {
      sent.push(text);
      return { code: 220, lines: ['ok'] };
    },
  } as unknown as SmtpConnection;
  const client = { address: '2001:db8::1', helloName: 'a ADDR=127.0.0.1\r\nRSET', isExtended: true };
  expect(await nameClient(connection, client, 1_000)).toBe(true);
  expect(sent).toEqual(['XCLIENT ADDR=IPV6:2001:db8::1 HELO=a+20ADDR+3D127.0.0.1+0D+0ARSET']);
});

test('a refusal of it defers: senders can not help it', async () => {
  const server = await serve(
    polite({ offers, answer: (line) => (line.startsWith('XCLIENT') ? '550 5.7.0 not you' : undefined) }),
  );
  const report = await harness({ xclientTo: ['localhost'] }).deliver(smtp(server));
  expect(told(report)).toEqual(['deferred 451 4.7.0 not you']);
});
