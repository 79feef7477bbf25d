import { expect, test } from 'vitest';
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

test('a refusal of it defers: senders can not help it', async () => {
  const server = await serve(
    polite({ offers, answer: (line) => (line.startsWith('XCLIENT') ? '550 5.7.0 not you' : undefined) }),
  );
  const report = await harness({ xclientTo: ['localhost'] }).deliver(smtp(server));
  expect(told(report)).toEqual(['deferred 451 4.7.0 not you']);
});
