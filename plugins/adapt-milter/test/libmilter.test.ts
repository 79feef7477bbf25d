/** A real libmilter, over TCP, with a filter that uses most of what it can. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { adaptMilter } from '@postroad/adapt-milter';
import { accept, definePlugin, formatAddress, formatReversePath, readBody } from '@postroad/core';
import {
  freePort,
  type Program,
  playDialogue,
  type SentMessage,
  sendMessage,
  startProgram,
  startTestMta,
} from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const missing = existsSync('/usr/lib/python3/dist-packages/Milter/__init__.py')
  ? undefined
  : 'skipped: install python3-milter';

let program: Program;
let port: number;
beforeAll(async () => {
  if (missing !== undefined) return;
  port = await freePort();
  program = await startProgram({
    command: '/usr/bin/python3',
    args: [fileURLToPath(new URL('libmilter.py', import.meta.url)), `inet:${port}@127.0.0.1`],
    isReady: () =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
  });
}, 90_000);
afterAll(() => program?.stop());

async function send(subject: string, to = ['bob@example.org'], noise?: string) {
  const queued: object[] = [];
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('enqueued', async (message, recipients) => {
        queued.push({
          text: (await readBody(message.body, 1_000_000)).toString(),
          sender: formatReversePath(message.reversePath),
          recipients: recipients.map(({ address, notify }) =>
            [formatAddress(address), ...(notify === undefined ? [] : [notify])].join(' '),
          ),
          quarantine: message.quarantine,
        });
      });
    },
  });
  const plugin = adaptMilter({ milters: [`127.0.0.1:${port}`], lookUpName: false });
  const server = await startTestMta({ plugins: [plugin, watch()] });
  const message = {
    port: server.port('relay'),
    to,
    content: `Subject: ${subject}\r\n\r\nthe body\r\n`,
  };
  const answers = noise === undefined ? await sendMessage(message) : await sendWithNoise(message, noise);
  const isDiscarded = () => server.logged.some(({ event }) => event === 'message discarded');
  if (answers.outcome.startsWith('250'))
    await expect.poll(() => queued.length > 0 || isDiscarded()).toBe(true);
  await server.stop();
  return { ...answers, queued: queued[0] };
}

/** Says something that is no command before the message. */
async function sendWithNoise(
  { port: relay, to, content }: Required<Pick<SentMessage, 'port' | 'to' | 'content'>>,
  noise: string,
) {
  await playDialogue(
    { port: relay },
    `S: 220 ...\nC: HELO client.example.net\nS: 250 ...\nC: ${noise}\nS: 500 ...\nC: MAIL FROM:<alice@example.net>\nS: 250 ...\n` +
      `C: RCPT TO:<${to[0]}>\nS: 250 ...\nC: DATA\nS: 354 ...\nC: ${content.trimEnd().replaceAll('\r\n', '\nC: ')}\nC: .\nS: 250 ...`,
  );
  return { outcome: '250', recipients: [] };
}

const seen = 'X-Seen: [127.0.0.1] 127.0.0.1 client.example.net <alice@example.net> 10';

describe.skipIf(missing !== undefined)(`libmilter (${missing ?? 'here'})`, () => {
  it('sees connection, envelope and content, and adds a field', async () => {
    expect((await send('plain')).queued).toMatchObject({
      text: `Subject: plain\r\n${seen}\r\n\r\nthe body\r\n`,
    });
  });

  it('changes everything', async () => {
    expect((await send('change')).queued).toEqual({
      text: `X-Top: top\r\nSubject: changed\r\n${seen}\r\n\r\nwritten anew\r\n`,
      sender: 'other@example.net',
      recipients: ['carol@example.org'],
      quarantine: 'milter: asked for',
    });
  });

  it('hears unknown commands, and adds a recipient with parameters', async () => {
    const { queued } = await send('tell', undefined, 'XNOISE now');
    expect(queued).toMatchObject({ recipients: ['bob@example.org', 'dave@example.org never'] });
    expect((queued as { text: string }).text).toContain('X-Line: XNOISE now');
  });

  it('refuses a recipient, defers, and discards', async () => {
    const { recipients } = await send('plain', ['refused@example.org', 'bob@example.org']);
    expect(recipients).toEqual(['550 5.7.1 not to this one', '250 2.1.5 recipient ok']);
    expect((await send('later')).outcome).toMatch(/^451 4\.7\.1 /);
    const dropped = await send('drop');
    expect(dropped.outcome).toMatch(/^250 /);
    expect(dropped.queued).toBeUndefined();
  });
});
