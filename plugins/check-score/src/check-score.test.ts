import { accept, definePlugin, type Finding, MailboxStore, type PluginUse, readBody } from '@postroad/core';
import { playDialogue, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { addUp, type CheckScoreOptions, checkScore } from './index.js';

let server: TestMta | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

interface World {
  /** What the client hears behind its message. */
  send(hears: string, header?: string): Promise<void>;
  /** Where the message was filed, and its text. */
  filed(): Promise<{ readonly mailbox: string; readonly account: string; readonly text: string }>;
}

async function start(
  findings: readonly Finding[],
  options: CheckScoreOptions = {},
  more: readonly PluginUse[] = [],
): Promise<World> {
  const stored: { mailboxId: string; uid: number; account: string }[] = [];
  let store: MailboxStore | undefined;
  const others = definePlugin({
    name: 'route-open',
    needs: { mailboxes: MailboxStore },
    setup({ tap, services }) {
      store = services.mailboxes;
      tap('recipient', () => accept());
      tap('route', (_envelope, { address }) => ({ transport: 'local', accountId: address.localPart }));
      tap('inspect', () => findings);
      tap('stored', ({ filed, accountId }) => {
        if (filed.status === 'filed')
          stored.push({ mailboxId: filed.mailboxId, uid: filed.uid, account: accountId });
      });
    },
  });
  server = await startTestMta({ plugins: [others(), ...more, checkScore(options)] });
  return {
    send: (hears, header = 'Subject: x') =>
      playDialogue(
        { port: server?.port('relay') as number },
        `S: 220 ...\nC: HELO mail.example.org\nS: 250 ...\nC: MAIL FROM:<a@example.org>\nS: 250 ...\n` +
          `C: RCPT TO:<bob@example.net>\nS: 250 ...\nC: DATA\nS: 354 ...\nC: ${header}\nC: \nC: hello\nC: .\nS: ${hears}`,
      ),
    async filed() {
      await server?.whenLogged('delivered');
      await expect.poll(() => stored.length).toBeGreaterThan(0);
      const { mailboxId, uid, account } = stored.at(-1) as (typeof stored)[number];
      const mailbox = await store?.mailbox(mailboxId);
      const [entry] = (await store?.entries(mailboxId, { first: uid, last: uid })) ?? [];
      const body = await store?.open(entry?.messageId ?? '');
      const text = body === undefined ? '' : (await readBody(body, 100_000)).toString();
      await body?.release();
      return { mailbox: mailbox?.name ?? '', account, text };
    },
  };
}

const scored = () => server?.logged.find(({ event }) => event === 'scored')?.fields;

describe('by thresholds', () => {
  test('accepts with fields that say why', async () => {
    const world = await start([
      { source: 'check-content', result: 'noDate', score: 1.5 },
      { source: 'check-auth', details: { results: [{ method: 'dkim', result: 'pass' }] } },
    ]);
    await world.send('250 ...');
    const { mailbox, text } = await world.filed();
    expect(mailbox).toBe('INBOX');
    expect(text).toContain('X-Spam-Score: 1.4\r\nX-Spam-Level: *\r\n');
    expect(text).toContain(
      'X-Spam-Status: No, score=1.4 required=5\r\n\ttests=check-content/noDate 1.5, dkim/pass -0.1\r\n',
    );
    expect(text).not.toContain('X-Spam-Flag');
    expect(scored()).toMatchObject({ score: 1.4, outcome: 'accepted' });
  });

  test('files to Junk, with the whole sum in log and trace', async () => {
    const world = await start([
      { source: 'check-dnsbl', result: 'listed', score: 3 },
      { source: 'rspamd', result: 'BAYES_SPAM', score: 2.5 },
    ]);
    await world.send('250 ...');
    const { mailbox, text } = await world.filed();
    expect(mailbox).toBe('Junk');
    expect(text).toContain('X-Spam-Flag: YES\r\nX-Spam-Score: 5.5\r\nX-Spam-Level: *****\r\n');
    const tests = 'check-dnsbl/listed 3, rspamd/BAYES_SPAM 2.5';
    expect(scored()).toMatchObject({ score: 5.5, outcome: 'junk', tests });
    const [trace] = (await server?.mta.queue.trace('a@example.org')) ?? [];
    const [judged] = trace?.entries.filter(({ event }) => event === 'judged') ?? [];
    expect(judged?.detail).toContain(`score 5.5 of 5: junk (${tests})`);
    expect(server?.logged.find(({ event }) => event === 'marked')?.fields).toMatchObject({
      plugin: 'check-score',
      rule: 'junk at 5',
      reason: tests,
    });
  });

  test('quarantines to those who look at it', async () => {
    const world = await start([{ source: 'check-x', score: 9 }], {
      quarantine: 8,
      quarantineTo: 'spam-team@example.net',
    });
    await world.send('250 ...');
    const { account, text } = await world.filed();
    expect(account).toBe('spam-team');
    expect(text).toContain('X-Spam-Quarantined-For: bob@example.net\r\n');
  });

  test('rejects, and tells the reason to the log only', async () => {
    const world = await start([{ source: 'check-x', result: 'virus', score: 20 }]);
    await world.send('550 5.7.1 the message looks like spam');
    expect(server?.logged.find(({ event }) => event === 'refused')?.fields).toMatchObject({
      plugin: 'check-score',
      rule: 'reject at 15',
      reason: 'score 20: check-x/virus 20',
    });
  });
});

test('a check that failed defers, unless its failure is skipped by name', async () => {
  const failed = { source: 'check-x', error: 'no answer' };
  await (await start([failed])).send('451 4.7.1 the message could not be checked, try again later');
  await server?.stop();
  await (await start([failed, { source: 'check-y', score: 15 }])).send('550 ...');
  await server?.stop();
  await (await start([failed], { skipErrorsOf: ['check-x'] })).send('250 ...');
  await server?.stop();
  await (await start([{ ...failed, isSkipped: true }])).send('250 ...');
  await server?.stop();
  await (await start([failed], { onError: 'skip' })).send('250 ...');
});

test('takes out fields that claim to be ours', async () => {
  const world = await start([{ source: 'a', score: 1 }], { fields: 'spam' });
  await world.send('250 ...', 'X-Spam-Status: No, score=-100\nC: x-spam-flag: NO\nC: Subject: x');
  const { text } = await world.filed();
  expect(text.toLowerCase()).not.toContain('x-spam');
  expect(text).toContain('Subject: x\r\n');
});

test('names from elsewhere can not break out of the field', async () => {
  const world = await start([{ source: 'evil\r\nX-Injected: yes', result: 'a b;c"', score: 1 }]);
  await world.send('250 ...');
  const { text } = await world.filed();
  expect(text).not.toContain('\r\nX-Injected');
  expect(text).toContain('tests=evil__X-Injected_ yes/a b_c_ 1');
});

test('a long sum is folded', async () => {
  const many = Array.from({ length: 40 }, (_, at) => ({ source: `check-number-${at}`, score: 0.05 }));
  const world = await start(many);
  await world.send('250 ...');
  const { text } = await world.filed();
  expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThan(100);
  expect(text).toContain('and 10 more');
  expect(text).toContain('X-Spam-Score: 2\r\n');
});

test('does not judge our own users, unless told to', async () => {
  const findings = [{ source: 'a', score: 20 }];
  const envelope = { reversePath: 'a@example.org', recipients: ['bob@example.net'] };
  await start(findings);
  await server?.mta.submit(envelope, 'Subject: x\n\n');
  await server?.stop();
  await start(findings, { who: 'all' });
  await expect(server?.mta.submit(envelope, 'Subject: x\n\n')).rejects.toMatchObject({
    reply: { code: 550 },
  });
});

describe('the sum', () => {
  const options = { points: { 'spf/fail': 2, 'spf/pass': -0.5, 'a/b': 7, c: 1 }, skipErrorsOf: [] };

  test('takes points of the options before those of a finding', () => {
    const { score, terms } = addUp(
      [
        { source: 'a', result: 'b', score: 3 },
        { source: 'c', result: 'x', score: 9 },
        { source: 'c', result: 'y' },
        { source: 'd', score: 0 },
        { source: 'e', score: Number.NaN },
      ],
      options,
    );
    expect(terms).toEqual([
      { name: 'a/b', points: 7 },
      { name: 'c/x', points: 1 },
    ]);
    expect(score).toBe(8);
  });

  test('counts a method once, the best of several', () => {
    const results = ['fail', 'pass', 'fail'].map((result) => ({ method: 'spf', result }));
    expect(addUp([{ source: 'check-auth', details: { results } }], options).score).toBe(-0.5);
    expect(addUp([{ source: 'x', details: { results: [null, 3, {}] } }], options).score).toBe(0);
  });

  test('is exact in thousandths', () => {
    const half = Array.from({ length: 10 }, () => ({ source: 'x', score: 0.1 }));
    expect(addUp(half, options).score).toBe(1);
  });
});

test.each([
  [{ quarantine: 5 }, /go together/],
  [{ quarantine: 5, quarantineTo: 'nobody' }, /no mail address/],
  [{ junk: 'many' }, /junk/],
])('refuses the start with %j', async (options, message) => {
  await expect(startTestMta({ plugins: [checkScore(options as CheckScoreOptions)] })).rejects.toThrow(
    message,
  );
});
