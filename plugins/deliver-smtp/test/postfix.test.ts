import { parseAddress } from '@postroad/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Postfix, postfixMissing, startPostfix } from './postfix.js';
import { harness, told } from './scene.js';

const header =
  'From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n' +
  'Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n';

describe.skipIf(postfixMissing !== undefined)(`Postfix as the next hop (${postfixMissing ?? 'here'})`, () => {
  // Its start looks at every file: on a busy machine that takes minutes.
  const patienceMs = 240_000;
  let starting: Promise<Postfix> | undefined;
  let postfix: Postfix;
  beforeAll(async () => {
    starting = startPostfix();
    postfix = await starting;
  }, patienceMs);
  afterAll(async () => {
    // Also one that was still starting when the patience was over.
    await (await starting)?.stop();
  }, patienceMs);

  const route = () => ({ transport: 'smtp', host: 'localhost', port: postfix.port }) as const;
  /** Waits until a message with this text has been delivered. */
  const arrived = (text: string) =>
    expect
      .poll(
        async () =>
          (await postfix.messages()).some((message) => message.replaceAll('\n', '\r\n').endsWith(text)),
        { timeout: 20_000 },
      )
      .toBe(true);

  const bodies = {
    dots: '.\r\n..\r\n.dot\r\n\r\nlast\r\n',
    'eight bits': 'gr\u00fc\u00dfe\r\n',
    nothing: '',
    'a large body': '.a line with a dot in front of it and some text behind\r\n'.repeat(20_000),
  };

  test.each(Object.entries(bodies))('takes %s by BDAT and by DATA, unchanged', async (_name, body) => {
    for (const chunking of [true, false]) {
      const content = `X-Chunking: ${chunking}\r\n${header}${body}`;
      const report = await harness({ chunking }).deliver(route(), { content });
      expect(told(report)).toEqual([expect.stringMatching(/^delivered 250 2\.0\.0 Ok: /)]);
      expect(report.tls).toMatch(/^TLSv1\.3/);
      await arrived(Buffer.from(content).toString('latin1'));
    }
  });

  test('answers for each recipient, and takes DSN parameters', async () => {
    const to = ['nobody', 'bob', 'later'].map((name) => ({
      address: { localPart: name, domain: 'example.net' },
    }));
    const report = await harness().deliver(route(), {
      content: `${header}each\r\n`,
      parameters: { ret: 'hdrs', envid: 'id+1 x' },
      to: to.map((recipient) => ({
        ...recipient,
        notify: ['success', 'failure'] as const,
        orcpt: 'rfc822;a+b@example.net',
      })),
    });
    expect(told(report)).toEqual([
      expect.stringContaining('failed 550 5.1.1 <nobody@example.net>'),
      expect.stringContaining('delivered 250 2.0.0 Ok'),
      expect.stringContaining('deferred 450 4.2.0 <later@example.net>'),
    ]);
    expect(report.outcomes.find(({ index }) => index === 1)?.dsnPassedOn).toBe(true);
  });

  test('takes UTF-8 addresses and header fields', async () => {
    const content = `Subject: gr\u00fc\u00dfe\r\n${header}utf8\r\n`;
    const report = await harness().deliver(route(), {
      content,
      from: parseAddress('j\u00fcrgen@example.org') ?? null,
      parameters: { smtpUtf8: true },
      to: [{ address: { localPart: 'b\u00f6b', domain: 'example.net' } }],
    });
    expect(told(report)).toEqual([expect.stringContaining('delivered 250')]);
    await arrived(Buffer.from(content).toString('latin1'));
  });
});
