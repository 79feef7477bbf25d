/** What later versions brought: unknown commands, recipients with parameters, large pieces of a body. */
import { adaptMilter } from '@postroad/adapt-milter';
import { accept, definePlugin, formatAddress } from '@postroad/core';
import { playDialogue, sendMessage, startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { packet, type Script, startScriptedMilter } from './scripted-milter.js';
import { atEnd, sendWith } from './send-through.js';

const unknownDialogue = `
  S: 220 ...
  C: HELO client.example.net
  S: 250 ...
  C: XNOISE a  b
  S: 500 ...
  C: MAIL FROM:<alice@example.net>
  S: 250 ...
  C: NONSENSE
  S: 500 ...
  C: RCPT TO:<bob@example.org>
  S: 250 ...
  C: QUIT
  S: 221 ...`;

async function playUnknown(script: Script): Promise<readonly string[]> {
  await using milter = await startScriptedMilter(script);
  const open = definePlugin({ name: 'route-open', setup: ({ tap }) => tap('recipient', () => accept()) });
  const plugin = adaptMilter({ milters: [`127.0.0.1:${milter.port}`], lookUpName: false });
  await using server = await startTestMta({ plugins: [plugin, open()] });
  await playDialogue({ port: server.port('relay') }, unknownDialogue);
  await expect.poll(() => milter.heard.at(-1)).toBe('Q');
  return milter.heard.filter((line) => !line.startsWith('D'));
}

it('tells of unknown commands between the stages, and the reply stays that of the server', async () => {
  expect(await playUnknown({ answer: (letter) => (letter === 'U' ? [packet('r')] : undefined) })).toEqual([
    'O',
    expect.stringMatching(/^C /),
    'H client.example.net',
    'U XNOISE a  b',
    'M <alice@example.net>',
    'U NONSENSE',
    'R <bob@example.org>',
    'Q',
  ]);
});

it('tells nothing of them to a filter that does not want it, or is too old, and waits for none that is silent', async () => {
  const heardBy = async (negotiation: Script['negotiation'], answer?: Script['answer']) =>
    (await playUnknown({ ...(negotiation && { negotiation }), answer })).filter((line) => line[0] === 'U');
  expect(await heardBy({ steps: 0x100 })).toEqual([]);
  expect(await heardBy({ version: 2 })).toEqual([]);
  const silent: Script['answer'] = (letter) => (letter === 'U' ? [] : undefined);
  expect(await heardBy({ steps: 0x20000 }, silent)).toHaveLength(2);
});

async function notifyAfter(...texts: readonly string[]) {
  const queued: unknown[] = [];
  await using milter = await startScriptedMilter({ answer: atEnd(packet('2', ...texts), packet('c')) });
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('enqueued', (_message, recipients) => {
        for (const { address, notify, orcpt } of recipients)
          queued.push([formatAddress(address), notify, orcpt]);
      });
    },
  });
  const plugin = adaptMilter({ milters: [`127.0.0.1:${milter.port}`], lookUpName: false });
  await using server = await startTestMta({ plugins: [plugin, watch()] });
  const { outcome } = await sendMessage({ port: server.port('relay') });
  if (outcome.startsWith('250')) await expect.poll(() => queued.length).toBeGreaterThan(0);
  return { outcome, queued };
}

it('adds recipients with what RCPT would have said of them, and defers when that makes no sense', async () => {
  const asked = await notifyAfter(
    '<carol@example.org>',
    'NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+2B@example.net',
  );
  expect(asked.queued).toEqual([
    ['bob@example.org', undefined, undefined],
    ['carol@example.org', ['success', 'delay'], 'rfc822;c+@example.net'],
  ]);
  expect((await notifyAfter('<carol@example.org>')).queued).toHaveLength(2);
  expect((await notifyAfter('<carol@example.org>', 'NOTIFY=NEVER,SUCCESS')).outcome).toMatch(/^451 /);
  expect((await notifyAfter('<carol@example.org>', 'SIZE=1')).outcome).toMatch(/^451 /);
});

it('sends the body in pieces as large as agreed', async () => {
  const text = `Subject: large\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(30_000)}`;
  const sizesWith = async (steps: number) => {
    const sizes: number[] = [];
    await using milter = await startScriptedMilter({
      negotiation: { steps },
      answer(letter, data) {
        if (letter === 'B') sizes.push(data.length);
        return undefined;
      },
    });
    const open = definePlugin({ name: 'route-open', setup: ({ tap }) => tap('recipient', () => accept()) });
    const plugin = adaptMilter({ milters: [`127.0.0.1:${milter.port}`], lookUpName: false });
    await using server = await startTestMta({ plugins: [plugin, open()] });
    expect((await sendMessage({ port: server.port('relay'), content: text })).outcome).toMatch(/^250 /);
    return sizes;
  };
  const octets = 78 * 30_000;
  expect(await sizesWith(0x20000000)).toEqual([1_048_575, 1_048_575, octets - 2 * 1_048_575]);
  expect((await sizesWith(0x10000000)).slice(0, 2)).toEqual([262_143, 262_143]);
  const small = await sizesWith(0);
  expect(Math.max(...small)).toBe(65_535);
  expect(small.reduce((sum, size) => sum + size, 0)).toBe(octets);
});

it('refuses wishes that were not offered', async () => {
  expect((await sendWith({ negotiation: { steps: 0x800 } }, undefined, { name: 'x' })).outcome).toMatch(
    /^451 /,
  );
});
