import { describe, expect, test } from 'vitest';
import { Transcript } from '../src/client/transcript.js';
import { harness, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

const refusing = polite({
  offers: ['PIPELINING'],
  answer: (line) =>
    line.startsWith('RCPT') ? '550-5.1.1 no such user\r\n550 5.1.1 see our page' : undefined,
});

describe('what was said', () => {
  test('is in the report of a delivery that did not go well', async () => {
    const server = await serve(refusing);
    const report = await harness().deliver(smtp(server));
    expect(report.transcript).toEqual([
      '* localhost [127.0.0.1]',
      '< 220 mx.example.net ready',
      '> EHLO out.example.org',
      '< 250 mx.example.net',
      '< 250 PIPELINING',
      '> MAIL FROM:<alice@example.org>',
      '> RCPT TO:<bob@example.net>',
      '> DATA',
      '< 250 2.0.0 ok',
      '< 550 5.1.1 no such user',
      '< 550 5.1.1 see our page',
      '< 354 go ahead',
      '< 250 2.0.0 taken',
    ]);
  });

  test('is of the message at hand only, where a connection is used again', async () => {
    let messages = 0;
    const server = await serve(
      polite({
        answer: (line) => (line.startsWith('MAIL') && ++messages === 2 ? '451 4.3.0 busy' : undefined),
      }),
    );
    const { deliver } = harness();
    expect((await deliver(smtp(server))).transcript).toBeUndefined();
    const { transcript = [] } = await deliver(smtp(server));
    expect(transcript.slice(0, 2)).toEqual([
      '* localhost [127.0.0.1]',
      expect.stringMatching(/^> (?:RSET|MAIL)/),
    ]);
    expect(transcript).toContain('< 451 4.3.0 busy');
  });

  test('is kept when the options say so, and not when they say not', async () => {
    const server = await serve(polite());
    expect((await harness({ transcripts: 'all' }).deliver(smtp(server))).transcript).toContain('> DATA');
    const other = await serve(refusing);
    expect((await harness({ transcripts: 'none' }).deliver(smtp(other))).transcript).toBeUndefined();
  });

  test('never has a password or a content', async () => {
    for (const mechanisms of ['PLAIN', 'LOGIN']) {
      const server = await serve(
        polite({
          offers: [`AUTH ${mechanisms}`],
          answer: (line) => {
            if (line.startsWith('AUTH PLAIN')) return '535 5.7.8 wrong';
            if (line === 'AUTH LOGIN') return '334 VXNlcm5hbWU6';
            if (line === Buffer.from('user').toString('base64')) return '334 UGFzc3dvcmQ6';
            return line === Buffer.from('secret').toString('base64') ? '535 5.7.8 wrong' : undefined;
          },
        }),
      );
      const { deliver } = harness({ plaintextLogin: true });
      const report = await deliver(
        { ...smtp(server), login: 'user', password: 'secret' },
        { content: 'A: b\r\n\r\nprivate\r\n' },
      );
      expect(told(report)[0]).toMatch(/^deferred /);
      const text = report.transcript?.join('\n') ?? '';
      expect(text).toContain(`> AUTH ${mechanisms} (hidden)`);
      expect(text).toContain('< 535 5.7.8 wrong');
      for (const secret of [
        'secret',
        'private',
        Buffer.from('secret').toString('base64'),
        Buffer.from('user').toString('base64'),
      ])
        expect(text).not.toContain(secret);
    }
  });

  test('is bounded, however much is said', () => {
    const transcript = new Transcript();
    for (let at = 0; at < 1_000; at++)
      transcript.heard({ code: 250, lines: Array(50).fill('x'.repeat(1_000)) });
    const lines = transcript.lines();
    expect(lines.length).toBeLessThanOrEqual(60 * 10 + 1);
    expect(lines).toContain('* ...');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(300);
  });

  test('tells of hosts that did not answer', async () => {
    const server = await serve(polite());
    const route = smtp(server);
    await server.close();
    expect((await harness().deliver(route)).transcript?.[0]).toMatch(
      /^\* connect: no answer from the server/,
    );
  });
});
