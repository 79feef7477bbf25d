/** The sink as a test of another program starts it. */
import { fileURLToPath } from 'node:url';
import { ImapFlow } from 'imapflow';
import Pop3Command from 'node-pop3';
import { createTransport } from 'nodemailer';
import { expect, it } from 'vitest';
import { addedFields } from '../../testing/octets.js';
import { poll } from '../../testing/poll.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { type Program, startProgram } from '../../testing/start-program.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const host = '127.0.0.1';
const slow = { timeout: 300_000 };

async function startSink(...flags: readonly string[]) {
  const program: Program = startProgram(main, ['--smtp', '0', '--imap', '0', '--pop3', '0', ...flags]);
  await program.whenSaid(/Ctrl-C ends it/);
  const port = (name: string) =>
    Number(new RegExp(`^  ${name} +\\S+:(\\d+)$`, 'm').exec(program.said())?.[1]);
  return { program, smtp: port('smtp'), imap: port('imap'), pop3: port('pop3') };
}

async function inboxOf(port: number): Promise<readonly Buffer[]> {
  const client = new ImapFlow({
    host,
    port,
    secure: false,
    auth: { user: 'sink', pass: 'sink' },
    logger: false,
  });
  await client.connect();
  const messages: Buffer[] = [];
  const { exists } = await client.mailboxOpen('INBOX');
  if (exists > 0)
    for await (const { source } of client.fetch('1:*', { source: true }))
      if (source !== undefined) messages.push(source);
  await client.logout();
  return messages;
}

it('takes any message for any address, with any login or none', slow, async () => {
  const { program, smtp, imap, pop3 } = await startSink();
  await using sink = program;
  const message = await sampleMessage('to everybody');
  const envelope = { from: 'nobody@nowhere.invalid', to: ['a@one.test', 'b@two.test'] };
  await createTransport({ host, port: smtp }).sendMail({ envelope, raw: message });
  const auth = { user: 'whoever', pass: 'whatever' };
  await createTransport({ host, port: smtp, auth }).sendMail({ envelope, raw: message });
  const messages = await poll('all arrive', async () => {
    const found = await inboxOf(imap);
    return found.length >= 2 && found;
  });
  for (const one of messages) expect(addedFields(one, message)).toEqual(['Return-Path', 'Received']);
  const reader = new Pop3Command({ host, port: pop3, user: 'sink', password: 'sink' });
  expect(await reader.UIDL()).toHaveLength(messages.length);
  await reader.QUIT();
  const stranger = new Pop3Command({ host, port: pop3, user: 'sink', password: 'wrong' });
  await expect(stranger.UIDL()).rejects.toThrow();
  expect(await sink.end()).toEqual({ status: 0, signal: null });
});

it('keeps as many as it was told, the latest', slow, async () => {
  const { program, smtp, imap } = await startSink('--keep', '3');
  await using _sink = program;
  const transport = createTransport({ host, port: smtp, pool: true, maxConnections: 1 });
  for (let number = 1; number <= 5; number++)
    await transport.sendMail({ from: 'a@b.test', to: 'c@d.test', subject: `number ${number}`, text: '' });
  transport.close();
  const subjects = await poll('the last one arrives and the first ones are gone', async () => {
    const messages = await inboxOf(imap);
    const found = messages.map((one) => /^Subject: (.*)\r$/m.exec(one.toString())?.[1] ?? '');
    return found.includes('number 5') && found.length === 3 && found;
  });
  expect(subjects).toEqual(['number 3', 'number 4', 'number 5']);
});

it('says what it is and what is wrong', slow, async () => {
  const programs = [['--help'], ['--smtp', 'x'], ['--host', '0.0.0.0']].map((flags) =>
    startProgram(main, flags),
  );
  const ends = await Promise.all(programs.map((program) => program.ended));
  expect(ends.map(({ status }) => status)).toEqual([0, 64, 1]);
  expect(programs[0]?.said()).toContain('login sink, password sink');
  expect(programs[1]?.said()).toContain('say a number from 0 to 65535');
  // A server that takes everything and lets everybody in stays on this machine.
  expect(programs[2]?.said()).toContain('loopback');
});
