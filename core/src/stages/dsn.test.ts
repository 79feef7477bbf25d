import { simpleParser } from 'mailparser';
import { describe, expect, test } from 'vitest';
import { readBody } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';
import type { DsnDraft, DsnSubject } from '../hooks/table.js';
import type { NewQueuedMessage, QueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import { type MailAddress, parseAddress } from '../values/address.js';
import { defaultEnvelopeParameters, type EnvelopeParameters } from '../values/envelope.js';
import { reply } from '../values/reply.js';
import type { RecipientOutcome } from '../values/report.js';
import { buildDsn, type DsnOptions, defaultDsnDraft } from './dsn.js';

const original =
  'From: a@example.org\r\nTo: b@example.net\r\nSubject: hi\r\nMessage-ID: <1@example.org>\r\n\r\n.dot\r\nlast line\r\n';
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
let ids = 0;
const options: DsnOptions = {
  hostname: 'mx.example.org',
  clock: { now: () => nowMs },
  random: { id: () => `id${ids++}` },
};
const address = (text: string) => parseAddress(text) as MailAddress;

function message(changes: Partial<QueuedMessage> & { readonly text?: string | Buffer } = {}): QueuedMessage {
  const { text = original, ...rest } = changes;
  return {
    id: 'm1',
    reversePath: address('alice@example.org'),
    parameters: defaultEnvelopeParameters,
    headerPrefix: 'Received: by mx.example.org; now\r\n',
    body: bodyFromBytes(Buffer.from(text)),
    origin: { protocol: 'ESMTP', listener: 'x', remoteAddress: '192.0.2.1', helloName: 'x' },
    receivedAtMs: nowMs - 60_000,
    expiresAtMs: nowMs + 3_600_000,
    ...rest,
  };
}

function about(
  of: QueuedMessage,
  recipient: Partial<QueuedRecipient> = {},
  outcome: Partial<RecipientOutcome> = {},
): DsnSubject {
  return {
    message: of,
    recipients: [
      {
        recipient: {
          messageId: of.id,
          index: 0,
          address: address('bob@example.net'),
          state: 'leased',
          dueAtMs: 0,
          attempts: 1,
          unsettledAttempts: 1,
          lastAttemptAtMs: nowMs - 1000,
          site: 'mx:example.net',
          isDelayTold: false,
          ...recipient,
        },
        outcome: {
          index: 0,
          status: 'failed',
          reply: reply(550, '1.1', 'no such user'),
          remote: { name: 'mx.example.net', address: '192.0.2.9' },
          ...outcome,
        },
      },
    ],
  };
}

async function build(
  subject: DsnSubject,
  kind: DsnDraft['kind'] = 'failure',
): Promise<NewQueuedMessage | undefined> {
  return await buildDsn(options, kind, subject, defaultDsnDraft(options, kind, subject));
}

async function textOf(dsn: NewQueuedMessage | undefined): Promise<string> {
  if (dsn === undefined) throw new Error('no DSN');
  return (await readBody(dsn.body, 1_000_000)).toString();
}

const parameters = (changes: Partial<EnvelopeParameters>) => ({
  parameters: { ...defaultEnvelopeParameters, ...changes },
});

describe('a failure', () => {
  test('names recipient, status and the words of the remote, and returns the message', async () => {
    const dsn = await build(
      about(message(parameters({ envid: 'envelope 1' })), { orcpt: 'rfc822;Bob@example.net' }),
    );
    const text = await textOf(dsn);
    expect(dsn?.reversePath).toBeNull();
    expect(dsn?.recipients).toEqual([
      { address: address('alice@example.org'), notify: 'never', site: 'new' },
    ]);
    expect(dsn?.parameters.bodyType).toBe('7bit');
    for (const line of [
      'Auto-Submitted: auto-replied',
      'To: <alice@example.org>',
      'References: <1@example.org>',
      'Original-Envelope-Id: envelope 1',
      'Reporting-MTA: dns; mx.example.org',
      'Arrival-Date: Fri, 2 Jan 2026 03:03:05 +0000',
      'Original-Recipient: rfc822; Bob@example.net',
      'Final-Recipient: rfc822; bob@example.net',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; mx.example.net',
      'Diagnostic-Code: smtp; 550 5.1.1 no such user',
      'Last-Attempt-Date: Fri, 2 Jan 2026 03:04:04 +0000',
    ])
      expect(text).toContain(`\r\n${line}\r\n`);
    expect(text).toContain(
      `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nReceived: by mx.example.org; now\r\n${original}\r\n--`,
    );
    expect(text.replace(/\r\n/g, '')).not.toMatch(/[\r\n]/);
  });

  test('can be read by a mail program', async () => {
    const parsed = await simpleParser(await textOf(await build(about(message()))));
    expect(parsed.text).toContain('bob@example.net');
    expect(parsed.text).toContain('The server mx.example.net said: 550 5.1.1 no such user');
    expect(parsed.attachments.map((part) => part.contentType)).toEqual(['message/rfc822']);
  });

  test('tells of an expired recipient with its last temporary status', async () => {
    // As the queue hands it over: what is given up has failed.
    const outcome: RecipientOutcome = { index: 0, status: 'failed', reply: reply(451, '4.1', 'no answer') };
    const subject = about(message());
    const recipients = subject.recipients.map(({ recipient }) => ({ recipient, outcome }));
    const text = await textOf(await build({ message: message(), recipients }));
    expect(text).toContain('\r\nStatus: 4.4.1\r\n');
    expect(text).toContain('\r\nDiagnostic-Code: x-postroad; 451 4.4.1 no answer\r\n');
    expect(text).toContain('no refusal for good, but it is not tried any longer');
    expect(await textOf(await build(subject))).not.toContain('not tried any longer');
  });

  test('returns only the header of a large message, or when asked to', async () => {
    const large = `${original}${'x'.repeat(998)}\r\n`.padEnd(70_000, 'text\r\n');
    for (const subject of [about(message({ text: large })), about(message(parameters({ ret: 'hdrs' })))]) {
      const text = await textOf(await build(subject));
      expect(text).toContain('Content-Type: text/rfc822-headers\r\n');
      expect(text).toContain('\r\nSubject: hi\r\n');
      expect(text).not.toContain('last line');
    }
  });

  test('declares eight bits in the message it returns, and encodes them in its header', async () => {
    const text = 'Subject: gr\u00fc\u00dfe\r\n\r\n\u00fc\r\n';
    const whole = await build(about(message({ text })));
    expect(whole?.parameters.bodyType).toBe('8bitmime');
    expect(await textOf(whole)).toContain(
      'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n',
    );
    const header = await build(about(message({ text, ...parameters({ ret: 'hdrs' }) })));
    expect(header?.parameters.bodyType).toBe('7bit');
    expect(await textOf(header)).toContain('Subject: gr=C3=BC=C3=9Fe');
  });

  test('uses the UTF-8 form for international addresses', async () => {
    const dsn = await build(
      about(message(parameters({ smtpUtf8: true })), { address: address('b\u00fc@example.net') }),
    );
    const text = await textOf(dsn);
    expect(text).toContain('report-type=global-delivery-status');
    expect(text).toContain('Content-Type: message/global-delivery-status');
    expect(text).toContain('Final-Recipient: utf-8; b\u00fc@example.net');
    expect(text).toContain('Content-Type: message/global\r\n');
    expect(dsn?.parameters.smtpUtf8).toBe(false);
  });

  test('survives hostile words of the remote', async () => {
    const said = {
      code: 550,
      text: `evil\r\nAction: delivered\r\n\r\n${'\u00fc'.repeat(20)} ${'y'.repeat(900)}`,
    };
    const text = await textOf(await build(about(message(), {}, { reply: said })));
    expect(text.match(/^Action: /gm)).toHaveLength(1);
    for (const line of text.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(998);
    const dsnPart = text.slice(text.indexOf('message/delivery-status'), text.indexOf('message/rfc822'));
    expect(dsnPart).toMatch(/^[\r\n\t -~]*$/);
  });
});

describe('other kinds', () => {
  test('a delay says until when it is tried', async () => {
    const text = await textOf(
      await build(about(message(), {}, { status: 'deferred', reply: reply(450, '2.0', 'later') }), 'delay'),
    );
    expect(text).toContain('\r\nAction: delayed\r\n');
    expect(text).toContain('\r\nWill-Retry-Until: Fri, 2 Jan 2026 04:04:05 +0000\r\n');
    expect(text).toContain('text/rfc822-headers');
    // The end of its time may come before the end of the usual lifetime (RFC 2852).
    const deliverBy = { atMs: nowMs + 600_000, mode: 'return', trace: false } as const;
    const urgent = about(message(parameters({ deliverBy })), {}, { status: 'deferred' });
    const until = 'Fri, 2 Jan 2026 03:14:05 +0000';
    const told = await textOf(await build(urgent, 'delay'));
    expect(told).toContain(`\r\nWill-Retry-Until: ${until}\r\n`);
    expect(told).toContain(`again until ${until}.`);
  });

  test('success and relay are told only to those who asked', async () => {
    const delivered = { status: 'delivered', reply: reply(250, '0.0', 'ok') } as const;
    expect(await build(about(message(), {}, delivered), 'success')).toBeUndefined();
    const asked = about(message(), { notify: ['success'] }, delivered);
    expect(await textOf(await build(asked, 'success'))).toContain(
      '\r\nAction: delivered\r\nStatus: 2.0.0\r\n',
    );
    expect(await textOf(await build(asked, 'relayed'))).toContain('\r\nAction: relayed\r\n');
    expect(await build(asked, 'failure')).toBeUndefined();
  });
});

describe('no DSN', () => {
  test.each([
    ['the null reverse-path', message({ reversePath: null })],
    ['an automatic answer', message({ text: `Auto-Submitted: auto-replied (vacation)\r\n${original}` })],
    ['a report', message({ text: `Content-Type: Multipart/Report; boundary=x\r\n${original}` })],
  ])('about %s', async (_name, of) => {
    expect(await build(about(of))).toBeUndefined();
  });

  test('about a forged sender, and to lists only about failures', async () => {
    const { origin } = message();
    const forged = { ...message(), origin: { ...origin, isSenderForged: true } };
    expect(await build(about(forged))).toBeUndefined();
    for (const field of ['List-Id: <l.example.org>', 'Precedence: bulk']) {
      const ofList = message({ text: `${field}\r\n${original}` });
      expect(await build(about(ofList), 'delay')).toBeUndefined();
      expect(await build(about(ofList, { notify: ['success'] }), 'success')).toBeUndefined();
      expect(await build(about(ofList))).toBeDefined();
    }
  });

  test('for a recipient with NOTIFY=NEVER', async () => {
    for (const kind of ['failure', 'delay', 'success', 'relayed'] as const)
      expect(await build(about(message(), { notify: 'never' }), kind)).toBeUndefined();
  });
});

test('a text with long or international lines is encoded', async () => {
  const draft = {
    kind: 'failure',
    subject: 'Zur\u00fcck an den Absender: unzustellbar, leider, wie so oft',
    text: `${'w'.repeat(2000)}\n\u00fcber \n`,
  } as const;
  const text = await textOf(await buildDsn(options, 'failure', about(message()), draft));
  const parsed = await simpleParser(text);
  expect(parsed.subject).toBe(draft.subject);
  expect(parsed.text).toContain(draft.text.trimEnd());
});
