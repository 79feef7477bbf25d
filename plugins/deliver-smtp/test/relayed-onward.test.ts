/**
 * What is relayed is one message to every server, also to one that takes any line end for a line end and drops NULs:
 * the forms by which messages were smuggled (CVE-2023-51764, -51765, -51766 and their like) come in by every door.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { accept, definePlugin, type MtaOptions } from '@postroad/core';
import { playDialogue, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { deliverSmtp } from '../src/index.js';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const forms = [
  '\n.\n',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r',
  '\r.\r\n',
  '\r\n.\r',
  '\n.\r',
  '\r\n.\r\r\n',
  '\r\r\n.\r\r\n',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\0\r\n.\r\n\0',
];
const evil = 'MAIL FROM:<evil@b.example>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nsmuggled\r\n';

/** The most gullible next hop. */
interface Gullible {
  readonly port: number;
  /** Every command that it believes to have been given. */
  readonly commands: string[];
  readonly messages: string[];
}

async function startGullible(offers: readonly string[]): Promise<Gullible> {
  const sockets = new Set<Socket>();
  const commands: string[] = [];
  const messages: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    believe(socket, offers, commands, messages);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, commands, messages };
}

function believe(socket: Socket, offers: readonly string[], commands: string[], messages: string[]): void {
  let text = '';
  let chunk = 0;
  let message: string | undefined;
  const say = (line: string) => socket.write(`${line}\r\n`);
  const end = () => {
    messages.push(message ?? '');
    message = undefined;
    say('250 2.0.0 taken');
  };
  const command = (line: string) => {
    commands.push(line.replace(/<.*/, ''));
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO')
      say(['250-gullible', ...offers.map((offer) => `250-${offer}`), '250 HELP'].join('\r\n'));
    else if (verb === 'DATA') {
      message = '';
      say('354 go');
    } else if (verb === 'BDAT') {
      chunk = Number(line.split(' ')[1]);
      message ??= '';
      isLast = line.endsWith('LAST');
    } else say(verb === 'QUIT' ? '221 bye' : '250 ok');
  };
  let isLast = false;
  const read = () => {
    for (;;) {
      if (chunk > 0 || isLast) {
        const part = text.slice(0, chunk);
        text = text.slice(part.length);
        message += part;
        chunk -= part.length;
        if (chunk > 0) return;
        if (isLast) end();
        else say('250 chunk');
        isLast = false;
        continue;
      }
      // CR, LF and CRLF are line ends; a CR at the end of what has come may be half of one.
      const found = /\r\n|\n|\r(?=[^\n])/.exec(text);
      if (found === null) return;
      const line = text.slice(0, found.index);
      text = text.slice(found.index + found[0].length);
      if (message === undefined) command(line);
      else if (line === '.') end();
      else message += `${line.replace(/^\./, '')}\r\n`;
    }
  };
  socket.on('data', (octets) => {
    text += octets.toString('latin1').replaceAll('\0', '');
    read();
  });
  socket.on('error', () => {});
  say('220 gullible');
}

async function startRelay(next: Gullible, profile: 'strict' | 'legacy'): Promise<TestMta> {
  const relayAll = definePlugin({
    name: 'relay-all',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'smtp', host: 'localhost', port: next.port }));
    },
  });
  const listeners: MtaOptions['listeners'] = [
    { name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', profile },
  ];
  const relay = await startTestMta({
    plugins: [relayAll(), deliverSmtp({ allowPrivateAddresses: true })],
    listeners,
  });
  closing.push(() => relay.stop());
  return relay;
}

/** One whole message has gone on, and nothing that looked like a command in it was one. */
async function expectOne(next: Gullible): Promise<void> {
  await expect.poll(() => next.messages.length, { timeout: 20_000 }).toBe(1);
  expect(next.messages[0]).toContain('MAIL FROM:<evil@b.example>');
  expect(next.messages[0]).toContain('smuggled');
  expect(next.commands.filter((command) => command.startsWith('MAIL'))).toHaveLength(1);
}

const hops = [[], ['PIPELINING', 'CHUNKING', '8BITMIME']];
const begun = `S: 220 ...
  C: EHLO client.example
  S: ...
  S: 250 ...
  C: MAIL FROM:<a@b.example>
  S: 250 ...
  C: RCPT TO:<bob@example.net>
  S: 250 ...
`;
const visible = (text: string) =>
  text.replaceAll('\r', '\\r').replaceAll('\n', '\\n').replaceAll('\0', '\\0');

describe.each(hops.map((offers) => [offers.join(' ') || 'nothing', offers] as const))(
  'to a server that offers %s',
  (_name, offers) => {
    // CRLF, dot, CRLF ends the data for us too.
    const withoutEnd = forms.filter((form) => !form.includes('\r\n.\r\n')).map(visible);
    test.each(withoutEnd)('%s by DATA, legacy', async (form) => {
      const next = await startGullible(offers);
      const relay = await startRelay(next, 'legacy');
      const octets = `${visible('Subject: x\r\n\r\n')}hello${form}${visible(evil)}\\r\\n.\\r\\n`;
      await playDialogue(
        { port: relay.port('relay') },
        `${begun}C: DATA\nS: 354 ...\nC+ ${octets}\nS: 250 ...\nC: QUIT\nS: 221 ...\n`,
      );
      await expectOne(next);
    });

    test.each(['legacy', 'strict'] as const)('an end of data in a chunk, %s', async (profile) => {
      const next = await startGullible(offers);
      const relay = await startRelay(next, profile);
      const content = `Subject: x\r\n\r\nhello\r\n.\r\n${evil}`;
      await playDialogue(
        { port: relay.port('relay') },
        `${begun}C+ BDAT ${content.length} LAST\\r\\n${visible(content)}\nS: 250 ...\nC: QUIT\nS: 221 ...\n`,
      );
      await expectOne(next);
    });

    test.each(forms.map((form) => [visible(form), form]))('%s from code', async (_shown, form) => {
      const next = await startGullible(offers);
      const relay = await startRelay(next, 'strict');
      await relay.mta.submit(
        { reversePath: 'a@b.example', recipients: ['bob@example.net'] },
        `Subject: x\r\n\r\nhello${form}${evil}`,
      );
      await expectOne(next);
    });

    test('a binary message goes there encoded: nothing in it is a line of its own', async () => {
      const next = await startGullible(offers);
      const relay = await startRelay(next, 'strict');
      const content = `Subject: x\r\n\r\nhello\n.\n${evil}`;
      await playDialogue(
        { port: relay.port('relay') },
        `${begun.replace('a@b.example>', 'a@b.example> BODY=BINARYMIME')}
        C+ BDAT ${content.length} LAST\\r\\n${visible(content)}\nS: 250 ...\nC: QUIT\nS: 221 ...\n`,
      );
      await expect.poll(() => next.messages.length, { timeout: 20_000 }).toBe(1);
      const [header = '', body = ''] = next.messages[0]?.split('\r\n\r\n') ?? [];
      expect(header).toContain('Content-Transfer-Encoding: base64');
      expect(Buffer.from(body, 'base64').toString()).toBe(`hello\n.\n${evil}`);
      expect(next.commands.filter((command) => command.startsWith('MAIL'))).toHaveLength(1);
    });
  },
);
