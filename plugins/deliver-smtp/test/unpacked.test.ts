import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { harness, told } from './scene.js';
import { type UnpackedServer, unpackedServers } from './unpacked.js';

const header =
  'From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n' +
  'Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n';

for (const { name, offers, mayFailAtTls, missing, start } of unpackedServers) {
  describe.skipIf(missing !== undefined)(`${name} as the next hop (${missing ?? 'here'})`, () => {
    const patienceMs = 120_000;
    let starting: Promise<UnpackedServer> | undefined;
    let server: UnpackedServer;
    beforeAll(async () => {
      starting = start();
      server = await starting;
    }, patienceMs);
    afterAll(async () => {
      await (await starting)?.stop();
    }, patienceMs);

    const route = () => ({ transport: 'smtp', host: 'localhost', port: server.port }) as const;
    const arrived = (text: string) =>
      expect
        .poll(
          async () =>
            (await server.messages()).some((message) => message.replaceAll('\n', '\r\n').endsWith(text)),
          { timeout: 30_000 },
        )
        .toBe(true);

    test.each([
      ['dots', '.\r\n..\r\n.dot\r\n\r\nlast\r\n'],
      ['eight bits', 'gr\u00fc\u00dfe\r\n'],
      ['a large body', '.a line with a dot in front of it and some text behind\r\n'.repeat(5_000)],
    ])('takes %s by all its ways, unchanged', async (_name, body) => {
      for (const chunking of [true, false]) {
        const content = `X-Chunking: ${chunking}\r\n${header}${body}`;
        const report = await harness({ chunking, transcripts: 'all' }).deliver(route(), { content });
        expect(told(report)).toEqual([expect.stringMatching(/^delivered 250 /)]);
        // Where it offers TLS and breaks off, mail goes on in plain: nobody has asked for TLS.
        if (!mayFailAtTls) expect(report.tls).toMatch(/^TLSv1\.[23] /);
        const said = report.transcript?.join('\n') ?? '';
        expect(said.includes('< 250 PIPELINING')).toBe(offers.pipelining);
        expect(said).toContain(chunking && offers.chunking ? '> BDAT ' : '> DATA');
        if (body.includes('\u00fc')) expect(said).toContain(' BODY=8BITMIME');
        await arrived(Buffer.from(`X-Chunking: ${chunking}\r\n${header}${body}`).toString('latin1'));
      }
    });

    test('insists on TLS when it is asked to, and knows that nobody vouches for the certificate', async () => {
      const required = await harness({ tls: 'required' }).deliver(route(), {
        content: `${header}by TLS\r\n`,
      });
      const [said = ''] = told(required);
      const isBroken = said === 'deferred 451 4.4.2 the TLS handshake failed';
      if (isBroken) console.warn(`${name} offers TLS here and can not do it`);
      expect(mayFailAtTls || !isBroken).toBe(true);
      if (!isBroken) expect(said).toMatch(/^delivered 250 /);
      const verified = told(await harness({ tls: 'verified' }).deliver(route()));
      expect(verified).toEqual([
        isBroken ? said : 'deferred 451 4.7.5 the certificate of the server can not be verified',
      ]);
    });

    test('takes UTF-8 addresses and header fields, or is not given them', async () => {
      const content = `Subject: gr\u00fc\u00dfe von ${name}\r\n${header}hello\r\n`;
      const to = [{ address: { localPart: 'gr\u00fcn', domain: 'example.net' } }];
      const report = await harness().deliver(route(), { content, to, parameters: { smtpUtf8: true } });
      const [said] = told(report);
      if (offers.smtpUtf8) {
        expect(said).toMatch(/^delivered 250 /);
        await arrived(Buffer.from(content).toString('latin1'));
      } else expect(said).toBe('failed 550 5.6.7 the next server does not take UTF-8 header fields');
    });

    test('answers for each recipient, takes DSN parameters, and the next message over the same connection', async () => {
      const to = ['nobody', 'bob', 'carol'].map((localPart) => ({
        address: { localPart, domain: 'example.net' },
        notify: ['failure'] as const,
        orcpt: 'rfc822;bob@example.org',
      }));
      const content = `${header}each of ${name}\r\n`;
      const { deliver, deliverer } = harness();
      const report = await deliver(route(), { content, to, parameters: { ret: 'hdrs', envid: 'id+1 x' } });
      const [first, ...others] = told(report);
      expect(first).toMatch(/^failed 5\d\d /);
      expect(others.every((one) => one.startsWith('delivered 250 '))).toBe(true);
      expect(report.outcomes.filter((one) => one.dsnPassedOn === true)).toHaveLength(2);
      await arrived(content);
      expect(deliverer.pool.size).toBe(1);
      expect(told(await deliver(route(), { content: `${header}again\r\n` }))[0]).toMatch(/^delivered 250 /);
    });
  });
}
