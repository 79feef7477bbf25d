import { afterEach, describe, expect, it } from 'vitest';
import { definePlugin, type PluginUse } from '../plugin/define.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { accept, deferIfAccepted, discard, type RecipientVerdict, reject } from '../values/verdict.js';

let server: TestMta | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** What is said of each recipient, by its local part. */
const verdicts: Readonly<Record<string, () => RecipientVerdict | undefined>> = {
  good: () => undefined,
  full: () => deferIfAccepted(452, '2.2', 'mailbox full'),
  strict: () => reject(550, '7.1', 'too spammy for this one'),
  quiet: () => discard('nobody reads it'),
  broken: () => {
    throw new Error('broken');
  },
};

const seen = { refused: [] as string[], queued: [] as string[], findings: [] as unknown[] };

const judge = definePlugin({
  name: 'judge',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('inspect', () => ({ source: 'judge', score: 7 }));
    tap('messageFor', async (_message, { address }, findings) => {
      seen.findings.push(...findings);
      return verdicts[address.localPart]?.();
    });
    tap('refused', ({ at, reply, by }) => void seen.refused.push(`${at} ${reply.code} ${by}`));
    tap('enqueued', (_message, recipients) => {
      seen.queued.push(...recipients.map(({ address }) => address.localPart));
    });
  },
});

async function send(
  role: 'lmtp' | 'relay',
  names: readonly string[],
  answers: string,
  more: PluginUse[] = [],
) {
  for (const list of Object.values(seen)) list.length = 0;
  server = await startTestMta({
    plugins: [judge(), ...more],
    listeners: [{ name: 'in', host: '127.0.0.1', port: 0, role }],
  });
  const recipients = names.map((name) => `C: RCPT TO:<${name}@here.test>\nS: 250 ...`).join('\n');
  await playDialogue(
    { port: server.port('in') },
    `S: 220 ...
    C: ${role === 'lmtp' ? 'LHLO' : 'EHLO'} client.test
    S: ...
    S: 250 ...
    C: MAIL FROM:<a@b.test>
    S: 250 ...
    ${recipients}
    C: DATA
    S: 354 ...
    C: Subject: x
    C:
    C: hi
    C: .
    ${answers}
    C: QUIT
    S: 221 ...`,
  );
  return server;
}

describe('a message judged for each recipient', () => {
  it('has an answer for each, and goes on to those that are left', async () => {
    await send(
      'lmtp',
      ['strict', 'good', 'full', 'quiet', 'broken'],
      `S: 550 5.7.1 too spammy for this one
      S: 250 2.0.0 queued as ...
      S: 452 4.2.2 mailbox full
      S: 250 2.0.0 queued as ...
      S: 451 4.3.0 ...`,
    );
    await expect.poll(() => seen.queued).toEqual(['good']);
    expect(seen.refused).toEqual([
      'messageFor 550 judge',
      'messageFor 452 judge',
      'messageFor 451 undefined',
    ]);
    expect(seen.findings).toHaveLength(5);
    expect(seen.findings[0]).toMatchObject({ source: 'judge', score: 7 });
  });

  it('is not kept when it is refused for all', async () => {
    const { mta } = await send('lmtp', ['strict', 'full'], 'S: 550 ...\nS: 452 ...');
    expect(await mta.queue.count()).toMatchObject({ messages: 0 });
  });

  it('is not kept when it is dropped for all, which nobody learns', async () => {
    const { mta, logged } = await send('lmtp', ['quiet'], 'S: 250 2.0.0 queued as ...');
    expect(await mta.queue.count()).toMatchObject({ messages: 0 });
    expect(logged.find(({ event }) => event === 'recipient discarded')?.fields).toMatchObject({
      plugin: 'judge',
      reason: 'nobody reads it',
    });
  });

  it('keeps its refusals when the message as a whole can not be taken for the others', async () => {
    const broken = definePlugin({
      name: 'late',
      setup: ({ tap }) =>
        tap('header', () => {
          throw new Error('broken');
        }),
    });
    await send('lmtp', ['strict', 'good'], 'S: 550 ...\nS: 451 4.3.0 ...', [broken()]);
    expect(seen.refused).toEqual(['message 451 undefined', 'messageFor 550 judge']);
  });

  it('is not judged so over SMTP, which has one answer', async () => {
    await send('relay', ['strict', 'good'], 'S: 250 ...');
    await expect.poll(() => seen.queued).toEqual(['strict', 'good']);
    expect(seen.findings).toEqual([]);
  });
});
