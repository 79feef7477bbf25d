import { describe, expect, it } from 'vitest';
import { bodyFromBytes } from '../body/inline-body.js';
import { readReport } from './read-report.js';

const read = (lines: readonly string[]) => readReport(bodyFromBytes(Buffer.from(lines.join('\r\n'))));

function report(type: string, machine: readonly string[], original: readonly string[] = []): string[] {
  return [
    'From: MAILER-DAEMON@example.net',
    `Content-Type: multipart/report; report-type=${type}; boundary="b"`,
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'It went wrong.',
    '--b',
    `Content-Type: message/${type}`,
    '',
    ...machine,
    '--b',
    'Content-Type: message/rfc822',
    '',
    ...original,
    '--b--',
    '',
  ];
}

describe('a delivery status notification', () => {
  it('tells of each recipient with the words of the server', async () => {
    const said = await read(
      report(
        'delivery-status',
        [
          'Reporting-MTA: dns; mx.example.net',
          'Original-Envelope-Id: e1',
          '',
          'Original-Recipient: rfc822; Bob@example.net',
          'Final-Recipient: rfc822; robert@inner.example.net',
          'Action: failed',
          'Status: 5.1.1',
          'Remote-MTA: dns; inner.example.net',
          'Diagnostic-Code: smtp; 550 5.1.1 No such',
          ' user here',
          '',
          'Final-Recipient: rfc822;carol@example.net',
          'Action: delayed (still trying)',
          'Status: 4.2.2',
          '',
          'Final-Recipient: rfc822;dave@example.net',
          'Action: failed',
          'Status: 5.0.0 (undefined)',
          'Diagnostic-Code: x-unix; blocked by policy',
        ],
        ['Message-ID: <1@example.org>', '', 'hello'],
      ),
    );
    expect(said).toMatchObject({
      kind: 'bounce',
      reportingMta: 'mx.example.net',
      envid: 'e1',
      messageIdField: '<1@example.org>',
    });
    expect(said?.recipients).toMatchObject([
      {
        address: { localPart: 'robert', domain: 'inner.example.net' },
        originalAddress: { localPart: 'Bob', domain: 'example.net' },
        action: 'failed',
        reply: { code: 550, detail: '1.1', text: 'No such user here' },
        bounceClass: 'address',
        isHard: true,
        remote: 'inner.example.net',
      },
      {
        address: { localPart: 'carol' },
        action: 'delayed',
        reply: { code: 450 },
        isHard: false,
        bounceClass: 'quota',
      },
      {
        address: { localPart: 'dave' },
        reply: { code: 550, text: 'blocked by policy' },
        bounceClass: 'block',
      },
    ]);
  });

  it('may be in base64, in UTF-8, and without the original', async () => {
    const fields =
      'Reporting-MTA: dns;mx\r\n\r\nFinal-Recipient: utf-8; bøb@example.net\r\nAction: failed\r\nStatus: 5.7.1\r\n';
    const said = await read([
      'Content-Type: multipart/report; boundary=b',
      '',
      '--b',
      'Content-Type: message/global-delivery-status',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(fields).toString('base64'),
      '--b--',
      '',
    ]);
    expect(said?.recipients).toMatchObject([{ address: { localPart: 'bøb' }, bounceClass: 'policy' }]);
  });

  it('leaves out what makes no sense, and never fails', async () => {
    const said = await read(
      report('delivery-status', [
        'Reporting-MTA: dns; x',
        '',
        'Action: failed',
        '',
        'Final-Recipient: rfc822; nobody',
        'Action: failed',
        '',
        'Final-Recipient: rfc822; a@b.test',
        'Action: eaten',
      ]),
    );
    expect(said?.recipients).toEqual([]);
    expect((await read(report('delivery-status', [])))?.recipients).toEqual([]);
    const many = Array.from({ length: 5_000 }, (_, at) => [
      '',
      `Final-Recipient: rfc822; u${at}@b.test`,
      'Action: failed',
    ]);
    const flood = await read(report('delivery-status', ['Reporting-MTA: dns; x', ...many.flat()]));
    expect(flood?.recipients.length).toBeLessThanOrEqual(1_000);
  });
});

describe('a complaint', () => {
  it('tells of type, recipients and the message', async () => {
    const said = await read(
      report(
        'feedback-report',
        [
          'Feedback-Type: Abuse',
          'User-Agent: SomeLoop/1.0',
          'Version: 1',
          'Original-Rcpt-To: <bob@example.net>',
          'Original-Rcpt-To: carol@example.net',
          'Original-Mail-From: <news@example.org>',
          'Source-IP: 192.0.2.1',
        ],
        ['Message-ID: <2@example.org>', '', 'buy'],
      ),
    );
    expect(said).toEqual({
      kind: 'complaint',
      messageIdField: '<2@example.org>',
      recipients: [],
      complaint: {
        feedbackType: 'abuse',
        recipients: [
          { localPart: 'bob', domain: 'example.net' },
          { localPart: 'carol', domain: 'example.net' },
        ],
        reversePath: { localPart: 'news', domain: 'example.org' },
        sourceAddress: '192.0.2.1',
        userAgent: 'SomeLoop/1.0',
      },
    });
  });
});

it('is not seen in other messages', async () => {
  expect(await read(['Subject: hi', '', 'hello'])).toBeUndefined();
  expect(
    await read(['Content-Type: multipart/report; boundary=b', '', '--b', '', 'text', '--b--']),
  ).toBeUndefined();
  expect(
    await read([
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: message/delivery-status',
      '',
      'Final-Recipient: rfc822; a@b.c',
      'Action: failed',
      '--b--',
    ]),
  ).toBeUndefined();
});
