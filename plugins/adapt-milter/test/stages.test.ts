/** Every stage and every change, with a milter that does what the test says. */
import { adaptMilter } from '@postroad/adapt-milter';
import { accept, definePlugin } from '@postroad/core';
import { playDialogue, startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { four, packet, startScriptedMilter } from './scripted-milter.js';
import { atEnd, content, send, sendWith } from './send-through.js';

it('tells every stage with its macros', async () => {
  const { outcome, heard, queued } = await sendWith({});
  expect(outcome).toMatch(/^250 /);
  expect(
    heard.map((line) => line.replace(/\|[0-9a-z]{26}\b/g, '|ID').replace(/\|\d{4,5}\b/g, '|PORT')),
  ).toEqual([
    'O',
    'D Cj|mx.test|_|[127.0.0.1] [127.0.0.1]|{daemon_name}|relay|{daemon_addr}|127.0.0.1|{daemon_port}|PORT|{client_addr}|127.0.0.1|{client_name}|[127.0.0.1]|v|Postroad',
    expect.stringMatching(/^C \[127\.0\.0\.1\]\|4..127\.0\.0\.1$/s),
    'H client.example.net',
    'D Mi|ID|{mail_addr}|alice@example.net|{mail_host}|example.net',
    'M <alice@example.net>',
    'D Ri|ID|{rcpt_addr}|bob@example.org|{rcpt_host}|example.org',
    'R <bob@example.org>',
    'D Ti|ID',
    'T',
    'L Subject|hello',
    'L X-Old|1',
    'L X-Old|2',
    'L X-Folded|a\n\tb',
    'D Ni|ID',
    'N',
    'B the body\r\n',
    'D Ei|ID',
    'E',
    'Q',
  ]);
  expect(queued?.text).toBe(content);
});

it('leaves out the steps that a filter does not want, and waits for none that it does not answer', async () => {
  const noSteps = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x200;
  const bare = await sendWith({ negotiation: { steps: noSteps } });
  expect(bare.outcome).toMatch(/^250 /);
  expect(bare.heard.filter((line) => !line.startsWith('D'))).toEqual(['O', 'E', 'Q']);
  const silentSteps = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x80000;
  const silent = await sendWith({
    negotiation: { steps: silentSteps },
    answer: (letter) => (letter === 'E' ? [packet('c')] : []),
  });
  expect(silent.outcome).toMatch(/^250 /);
  expect(silent.heard).toContain('B the body\r\n');
});

it('sends the macros that a filter asks for, header fields with their space, and no DATA to an old one', async () => {
  const lists = Buffer.concat([
    four(2),
    Buffer.from('i {auth_type} {mail_host}\0'),
    four(5),
    Buffer.from('j\0'),
  ]);
  const { heard } = await sendWith({ negotiation: { version: 3, steps: 0x100000, lists } });
  expect(heard.some((line) => /^D Mi\|[0-9a-z]{26}\|\{mail_host\}\|example\.net$/.test(line))).toBe(true);
  expect(heard).toContain('D Ej|mx.test');
  expect(heard).toContain('L Subject| hello');
  expect(heard.some((line) => line.startsWith('T'))).toBe(false);
});

it.each([
  ['C', 'greeting'],
  ['H', 'hello'],
  ['M', 'mail'],
  ['T', 'data'],
  ['L', 'data'],
  ['N', 'data'],
  ['B', 'data'],
  ['E', 'data'],
] as const)('refuses at %s', async (at, place) => {
  const answers = { r: /^5\d\d (5\.7\.1 )?command rejected/, t: /^451 (4\.7\.1 )?try again later/ };
  for (const [answer, expected] of Object.entries(answers)) {
    const sent = await sendWith({ answer: (letter) => (letter === at ? [packet(answer)] : undefined) });
    expect(sent[place]).toMatch(expected);
    expect(sent.outcome).toBe(sent[place]);
  }
});

it('refuses recipients one by one, with replies of the filter', async () => {
  const { recipients, outcome, queued } = await sendWith(
    {
      answer(letter, data) {
        if (letter !== 'R') return undefined;
        if (data.includes('bad')) return [packet('y', '553 5.1.3 100%% bad\r\n')];
        return data.includes('later') ? [packet('y', '450-4.2.0 one\r\n450 4.2.0 two')] : undefined;
      },
    },
    ['bad@example.org', 'bob@example.org', 'later@example.org'],
  );
  expect(recipients).toEqual(['553 5.1.3 100% bad', '250 2.1.5 recipient ok', '450 4.2.0 two']);
  expect(outcome).toMatch(/^250 /);
  expect(queued?.recipients).toEqual(['bob@example.org']);
});

it('tells the transaction again without recipients that others have refused', async () => {
  const { heard, queued } = await sendWith({}, [
    'bob@example.org',
    'nobody@example.org',
    'carol@example.org',
  ]);
  const paths = heard.filter((line) => /^[MRAT]/.test(line));
  expect(paths).toEqual([
    'M <alice@example.net>',
    'R <bob@example.org>',
    'R <nobody@example.org>',
    'R <carol@example.org>',
    'A',
    'M <alice@example.net>',
    'R <bob@example.org>',
    'R <carol@example.org>',
    'T',
  ]);
  expect(queued?.recipients).toEqual(['bob@example.org', 'carol@example.org']);
});

it.each(['M', 'R', 'T', 'L', 'B', 'E'])('discards when the filter says so at %s', async (at) => {
  const sent = await sendWith({ answer: (letter) => (letter === at ? [packet('d')] : undefined) });
  expect(sent.outcome).toMatch(/^250 /);
  expect(sent.queued).toBeUndefined();
});

it.each(['C', 'H', 'M', 'R', 'T', 'L', 'N', 'B'])(
  'asks no more when the filter accepts at %s',
  async (at) => {
    const sent = await sendWith({ answer: (letter) => (letter === at ? [packet('a')] : undefined) });
    expect(sent.outcome).toMatch(/^250 /);
    expect(sent.heard.filter((line) => line.startsWith('E'))).toEqual([]);
    expect(sent.queued?.text).toBe(content);
  },
);

it('skips the rest of a body', async () => {
  await using milter = await startScriptedMilter({
    negotiation: { steps: 0x400 },
    answer: (letter) => (letter === 'B' ? [packet('s')] : undefined),
  });
  const long = `Subject: x\r\n\r\n${`${'y'.repeat(78)}\r\n`.repeat(4_000)}`;
  const sent = await send([`127.0.0.1:${milter.port}`], undefined, long);
  expect(sent.queued?.text).toBe(long);
  expect(milter.heard.filter((line) => line.startsWith('B'))).toHaveLength(1);
  expect(milter.heard).toContain('E');
});

it('changes header, content and envelope, and sets apart', async () => {
  const { queued } = await sendWith({
    answer: atEnd(
      packet('h', 'X-Last', 'added'),
      packet('i', four(1), 'X-First', 'inserted\n two'),
      packet('m', four(2), 'X-Old', 'changed'),
      packet('m', four(1), 'X-Old', ''),
      packet('m', four(1), 'X-None', 'new'),
      packet('p'),
      packet('b', Buffer.from('another ')),
      packet('b', Buffer.from('body\r\n')),
      packet('+', '<carol@example.org>'),
      packet('2', '<dave@example.org>', 'NOTIFY=NEVER'),
      packet('-', '<bob@example.org>'),
      packet('e', '<other@example.net>'),
      packet('q', 'looks odd'),
      packet('c'),
    ),
  });
  expect(queued).toEqual({
    text: 'X-First: inserted\r\n two\r\nSubject: hello\r\nX-Old: changed\r\nX-Folded: a\r\n\tb\r\nX-Last: added\r\nX-None: new\r\n\r\nanother body\r\n',
    sender: 'other@example.net',
    recipients: ['carol@example.org', 'dave@example.org'],
    quarantine: 'milter: looks odd',
  });
});

it('shows the next filter what the one before has changed', async () => {
  await using first = await startScriptedMilter({
    answer: atEnd(packet('h', 'X-By', 'first'), packet('b', Buffer.from('new\r\n')), packet('a')),
  });
  await using second = await startScriptedMilter({
    answer: atEnd(packet('h', 'X-By', 'second'), packet('c')),
  });
  const { queued } = await send([`127.0.0.1:${first.port}`, `inet:127.0.0.1:${second.port}`]);
  expect(second.heard).toContain('L X-By|first');
  expect(second.heard).toContain('B new\r\n');
  expect(queued?.text).toBe(
    'Subject: hello\r\nX-Old: 1\r\nX-Old: 2\r\nX-Folded: a\r\n\tb\r\nX-By: first\r\nX-By: second\r\n\r\nnew\r\n',
  );
});

it('keeps a null reverse-path, and makes one', async () => {
  const { queued } = await sendWith({ answer: atEnd(packet('e', '<>'), packet('c')) });
  expect(queued?.sender).toBe('');
});

it('opens a session anew when the filter was restarted between two messages', async () => {
  await using milter = await startScriptedMilter({
    answer(letter, _data, socket) {
      if (letter === 'E') setImmediate(() => socket.destroy());
      return undefined;
    },
  });
  const accepting = definePlugin({
    name: 'test-accept',
    setup: ({ tap }) => tap('recipient', () => accept()),
  });
  const plugin = adaptMilter({ milters: [`127.0.0.1:${milter.port}`], lookUpName: false });
  await using server = await startTestMta({ plugins: [plugin, accepting()] });
  const message = `
    C: MAIL FROM:<alice@example.net>
    S: 250 ...
    C: RCPT TO:<bob@example.org>
    S: 250 ...
    C: DATA
    S: 354 ...
    C: Subject: x
    C:
    C: .
    S: 250 ...`;
  await playDialogue(
    { port: server.port('relay') },
    `
    S: 220 ...
    C: HELO client.test
    S: 250 ...
    ${message}
    ${message}
    C: MAIL FROM:<carol@example.net>
    S: 250 ...
    C: RSET
    S: 250 ...
    ${message}
    `,
  );
  expect(milter.connections).toBe(3);
  expect(milter.heard.filter((line) => line.startsWith('A'))).toEqual(['A']);
});
