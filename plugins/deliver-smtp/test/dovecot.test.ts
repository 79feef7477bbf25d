import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Dovecot, dovecotMissing, startDovecot } from './dovecot.js';
import { harness, told } from './scene.js';

const header =
  'From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n\r\n';

describe.skipIf(dovecotMissing !== undefined)(`Dovecot over LMTP (${dovecotMissing ?? 'here'})`, () => {
  const patienceMs = 120_000;
  let starting: Promise<Dovecot> | undefined;
  let dovecot: Dovecot;
  beforeAll(async () => {
    starting = startDovecot();
    dovecot = await starting;
  }, patienceMs);
  afterAll(async () => {
    await (await starting)?.stop();
  }, patienceMs);

  const route = () => ({ transport: 'lmtp', host: dovecot.socket, port: 24 }) as const;
  const to = (...names: string[]) =>
    names.map((localPart) => ({ address: { localPart, domain: 'example.net' } }));

  test('answers for each recipient, in step', async () => {
    const content = `${header}to both\r\n`;
    const { deliver } = harness();
    const report = await deliver(route(), { content, to: to('bob', 'nobody', 'carol') });
    expect(told(report)).toEqual([
      expect.stringMatching(/^delivered 250 2\.0\.0 .*bob@example\.net/),
      expect.stringMatching(/^failed 550 5\.1\.1 /),
      expect.stringMatching(/^delivered 250 2\.0\.0 .*carol@example\.net/),
    ]);
    // The same connection takes the next one.
    expect(told(await deliver(route(), { content, to: to('carol') }))).toEqual([
      expect.stringMatching(/^delivered 250 2\.0\.0 /),
    ]);
    expect(await dovecot.messages('carol')).toHaveLength(2);
  });

  test.each([
    ['dots', '.\r\n..\r\n.dot\r\n\r\nlast\r\n'],
    ['eight bits', 'gr\u00fc\u00dfe\r\n'],
    ['a large body', '.a line with a dot in front of it and some text behind\r\n'.repeat(20_000)],
  ])('files %s as it was', async (name, body) => {
    const content = `X-Name: ${name}\r\n${header}${body}`;
    const report = await harness().deliver(route(), { content, to: to('bob') });
    expect(told(report)).toEqual([expect.stringMatching(/^delivered 250 2\.0\.0 /)]);
    const sent = Buffer.from(content).toString('latin1');
    const filed = (await dovecot.messages('bob')).map((message) => message.replaceAll('\n', '\r\n'));
    expect(filed.some((message) => message.endsWith(sent))).toBe(true);
  });
});
