import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Body, bodyFromFile } from '@postroad/core';
import { describe, expect, test } from 'vitest';
import { closeLater, harness, lmtp, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

describe('a message in chunks', () => {
  const offers = ['PIPELINING', 'CHUNKING', '8BITMIME', 'BINARYMIME'];
  const dots = 'Subject: x\r\n\r\n.dots\r\n..\r\n.\r\nlast';

  /** A message that is streamed from a file, with lines of one length. */
  async function fileBody(sizeBytes: number): Promise<{ body: Body; text: string }> {
    const directory = await mkdtemp(join(tmpdir(), 'postroad-body-'));
    closeLater(() => rm(directory, { recursive: true }));
    const header = 'Subject: large\r\n\r\n';
    const text = header + '.a line that begins with a dot and is not short at all\r\n'.repeat(sizeBytes / 56);
    const file = join(directory, 'body');
    await writeFile(file, text);
    const facts = { sizeBytes: text.length, has8bit: false, headerSizeBytes: header.length };
    const body = bodyFromFile({
      ...facts,
      file,
      sha256: '',
      headerBytes: Buffer.from(header),
      isOwned: false,
    });
    return { body, text };
  }

  test('goes with the envelope in one write, without dots added', async () => {
    const server = await serve(polite({ offers }));
    expect(told(await harness().deliver(smtp(server), { content: dots, prefix: 'X: y\r\n' }))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
    expect(server.lines.slice(1)).toEqual([
      'MAIL FROM:<alice@example.org>',
      'RCPT TO:<bob@example.net>',
      'BDAT 40 LAST',
    ]);
    expect(server.messages.map(String)).toEqual([`X: y\r\n${dots}\r\n`]);
  });

  test('never has a bare CR or LF', async () => {
    const server = await serve(polite({ offers }));
    await harness().deliver(smtp(server), { content: 'A: b\n\r\n\n.\n' });
    expect(server.messages.map(String)).toEqual(['A: b\r\n\r\n\r\n.\r\n']);
  });

  test.each([[offers], [['CHUNKING']], [['PIPELINING']], [[]]])(
    'is streamed when it is large (offers %s)',
    async (offered) => {
      const server = await serve(polite({ offers: offered }));
      const { body, text } = await fileBody(1_000_000);
      expect(told(await harness().deliver(smtp(server), { body }))).toEqual(['delivered 250 2.0.0 taken']);
      const stuffed = text.replaceAll('\r\n.', '\r\n..');
      expect(server.messages[0]?.toString() === (offered.includes('CHUNKING') ? text : stuffed)).toBe(true);
    },
  );

  test('ends with the first chunk that is refused', async () => {
    let chunks = 0;
    const server = await serve(
      polite({
        offers,
        answer: (line) => (line.startsWith('BDAT') && ++chunks === 2 ? '552 5.3.4 too large' : undefined),
      }),
    );
    const made = harness();
    const { body } = await fileBody(1_000_000);
    expect(told(await made.deliver(smtp(server), { body }))).toEqual(['failed 552 5.3.4 too large']);
    expect(told(await made.deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.connections).toBe(1);
    expect(server.messages).toHaveLength(1);
  });

  test('for nobody leaves the connection in step', async () => {
    const server = await serve(
      polite({ offers, answer: (line) => (line.includes('<gone@') ? '550 5.1.1 no such user' : undefined) }),
    );
    const { deliver } = harness();
    expect(told(await deliver(smtp(server), { to: ['gone@example.net'] }))).toEqual([
      'failed 550 5.1.1 no such user',
    ]);
    expect(told(await deliver(smtp(server)))).toEqual(['delivered 250 2.0.0 taken']);
    expect(server.connections).toBe(1);
  });

  test('is answered for each recipient by an LMTP server', async () => {
    const server = await serve(polite({ offers, isLmtp: true, final: () => ['250 2.0.0 a', '452 4.2.2 b'] }));
    const to = ['a@example.net', 'b@example.net'];
    expect(told(await harness().deliver(lmtp(server), { to }))).toEqual([
      'delivered 250 2.0.0 a',
      'deferred 452 4.2.2 b',
    ]);
  });

  test('is the only way for a binary body, which stays as it is', async () => {
    const parameters = { bodyType: 'binarymime' } as const;
    const content = 'A: b\r\n\r\n\u0000\r\n\n.\rx';
    const server = await serve(polite({ offers }));
    expect(told(await harness({ chunking: false }).deliver(smtp(server), { content, parameters }))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
    expect(server.lines[1]).toBe('MAIL FROM:<alice@example.org> BODY=BINARYMIME');
    expect(server.messages.map(String)).toEqual([content]);
    const old = await serve(polite());
    expect(told(await harness({ eightBit: 'refuse' }).deliver(smtp(old), { content, parameters }))).toEqual([
      'failed 554 5.6.3 the next server does not take binary bodies',
    ]);
  });

  test('or not, eight bits need 8BITMIME, unless told otherwise', async () => {
    const server = await serve(polite({ offers: [] }));
    const content = 'A: b\r\n\r\n\u00fc\r\n';
    expect(told(await harness({ eightBit: 'refuse' }).deliver(smtp(server), { content }))).toEqual([
      'failed 554 5.6.3 the next server does not take eight-bit bodies',
    ]);
    expect(told(await harness({ eightBit: 'send' }).deliver(smtp(server), { content }))).toEqual([
      'delivered 250 2.0.0 taken',
    ]);
  });
});
