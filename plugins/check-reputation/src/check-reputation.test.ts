import {
  accept,
  Counters,
  definePlugin,
  type Finding,
  key,
  MailboxStore,
  MailError,
  type MessageAuthentication,
  messageAuthentication,
  messageScore,
  type PluginUse,
  pendingAuthentication,
  reject,
} from '@postroad/core';
import {
  createVirtualClock,
  playDialogue,
  startTestMta,
  type TestMta,
  type VirtualClock,
} from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CheckReputationOptions, checkReputation } from './index.js';

const dayMs = 86_400_000;
let clock: VirtualClock;
let server: TestMta;
let findings: Finding[];
let store: MailboxStore;
beforeEach(() => {
  clock = createVirtualClock();
  findings = [];
});
afterEach(() => server?.stop());

/** Stands in for `check-auth`: a subject `signed by D` has a good signature of D; known a turn later, as the real one. */
const auth = definePlugin({
  name: 'check-auth',
  setup({ tap }) {
    tap('inspect', async (message) => {
      const domain = /signed by (\S+)/.exec(message.body.header.get('subject') ?? '')?.[1];
      const dkim = { result: 'pass', selector: 's', algorithm: 'rsa-sha256', isWhole: true } as const;
      const found: MessageAuthentication = {
        dkim: domain === undefined ? [] : [{ ...dkim, domain }],
        results: [],
      };
      const known = new Promise<MessageAuthentication>((resolve) => setImmediate(() => resolve(found)));
      message.set(pendingAuthentication, known);
      message.set(messageAuthentication, await known);
      message.transaction.set(messageAuthentication, await known);
      return undefined;
    });
  },
});

const own = key<number>('test.points');

/** Stands in for `check-score`: the subject says the points of all other checks; from 10 on it refuses. */
const score = definePlugin({
  name: 'check-score',
  needs: { mailboxes: MailboxStore },
  setup({ tap, services }) {
    store = services.mailboxes;
    tap(
      'message',
      (message, found) => {
        findings.push(...found);
        const mine = found.find(({ source }) => source === 'check-reputation')?.score ?? 0;
        const points = Number(/points (-?\d+)/.exec(message.body.header.get('subject') ?? '')?.[1] ?? 0);
        const sum = {
          score: points + mine,
          terms: [
            { name: 'other', points },
            { name: 'check-reputation/bad', points: mine },
          ],
        };
        message.set(own, points);
        message.set(messageScore, sum);
        message.transaction.set(messageScore, sum);
        return sum.score >= 10 ? reject(550, '7.1', 'spam') : undefined;
      },
      { order: 'late' },
    );
  },
});

/** Knows everybody but those a check refuses. */
const route = definePlugin({
  name: 'check-recipients',
  setup({ tap }) {
    tap('recipient', (_transaction, { address }) =>
      address.localPart === 'trap' ? reject(550, '7.1', 'no') : accept(),
    );
    tap('route', () => ({ transport: 'local', accountId: 'bob' }));
  },
});

async function start(options: CheckReputationOptions = {}, more: readonly PluginUse[] = []): Promise<void> {
  server = await startTestMta({
    clock,
    plugins: [...more, checkReputation(options), auth(), score(), route()],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', xclientFrom: ['127.0.0.1'] }],
  });
}

/** Sends messages over one connection; the finding about the last. */
async function send(
  subjects: readonly string[],
  { address = '192.0.2.1', hears = '250 ...', to = 'bob@example.net' } = {},
): Promise<Finding | undefined> {
  const messages = subjects.map(
    (subject) => `C: MAIL FROM:<a@example.org>
    S: 250 ...
    C: RCPT TO:<${to}>
    S: ${to.startsWith('trap') ? '550 ...' : '250 ...'}
    ${to.startsWith('trap') ? 'C: RSET\nS: 250 ...' : `C: DATA\nS: 354 ...\nC: Subject: ${subject}\nC: \nC: .\nS: ${hears}`}`,
  );
  await playDialogue(
    { port: server.port('relay') },
    `S: 220 ...
    C: HELO proxy.test
    S: 250 ...
    C: XCLIENT ADDR=${address}
    S: 220 ...
    C: HELO mail.example.org
    S: 250 ...
    ${messages.join('\n')}
    C: QUIT
    S: 221 ...`,
  );
  return findings.filter(({ source }) => source === 'check-reputation').at(-1);
}

const many = (subject: string, count = 20) => Array.from({ length: count }, () => subject);

describe('check-reputation', () => {
  test('knows nothing of the new; spam makes an address bad, and good mail makes it good, slowly', async () => {
    await start();
    const first = await send(['points 6']);
    expect(first).toMatchObject({ result: 'unknown', score: 0 });
    const early = (await send(['points 6']))?.score ?? 0;
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(1.5);
    const late = await send(many('points 5'));
    expect(late?.result).toBe('bad');
    expect(late?.score).toBeGreaterThan(2.5);
    expect(late?.score).toBeLessThanOrEqual(4);
    // Another address of the network inherits a part; another network nothing.
    const neighbour = (await send(['x'], { address: '192.0.2.77' }))?.score ?? 0;
    expect(neighbour).toBeGreaterThan(0.5);
    expect(neighbour).toBeLessThan(late?.score ?? 0);
    expect((await send(['x'], { address: '198.51.100.1' }))?.score).toBe(0);
    expect((await send(many('points 0'), { address: '198.51.100.1' }))?.score).toBeLessThan(-1);
  });

  test('forgets with time', async () => {
    await start({ halfLifeMs: dayMs });
    const before = (await send([...many('points 5'), 'points 5']))?.score ?? 0;
    await clock.advance(3 * dayMs);
    const after = (await send(['points 5']))?.score ?? 0;
    expect(after).toBeLessThan(before / 1.5);
    expect(after).toBeGreaterThan(0);
    await clock.advance(9 * dayMs);
    expect(Math.abs((await send(['points 5']))?.score ?? 9)).toBeLessThanOrEqual(0.1);
  });

  test('keeps what it knows when its factor begins anew', async () => {
    // 512 half-lives of a day are an era; the clock stands a day before the next one.
    const era = 512 * dayMs;
    await clock.advance(Math.ceil(clock.now() / era) * era - dayMs / 2 - clock.now());
    await start({ halfLifeMs: dayMs });
    const before = (await send([...many('points 5'), 'points 5']))?.score ?? 0;
    await clock.advance(dayMs);
    const after = (await send(['points 5']))?.score ?? 0;
    expect(after).toBeGreaterThan(before / 2);
    expect(after).toBeLessThanOrEqual(before);
  });

  test('a domain that signs is known wherever it sends from, also when its name is known only a turn later', async () => {
    await start();
    await send(many('points 0 signed by good.example'));
    const elsewhere = await send(['points 0 signed by GOOD.example'], { address: '203.0.113.9' });
    expect(elsewhere?.score).toBeLessThan(-1);
    expect(elsewhere?.details).toContainEqual({ kind: 'domain', value: -0.8, seen: 20 });
    expect((await send(['points 0'], { address: '203.0.114.9' }))?.score).toBe(0);
  });

  test('does not learn from itself: what others find harmless gets better, whatever it says of it', async () => {
    await start();
    const bad = (await send([...many('points 5', 10), 'points 2']))?.score ?? 0;
    expect(bad).toBeGreaterThan(1);
    const better = (await send(many('points 0', 30)))?.score ?? 9;
    expect(better).toBeLessThan(0);
  });

  test('refusals teach: messages by their own points, recipients that a check refuses by half', async () => {
    await start();
    await send(many('points 12', 8), { hears: '550 ...' });
    expect((await send(['x']))?.score).toBeGreaterThan(2);
    await send(many('', 8), { address: '198.51.100.1', to: 'trap@example.net' });
    const trapped = (await send(['x'], { address: '198.51.100.1' }))?.score ?? 0;
    expect(trapped).toBeGreaterThan(1);
  });

  test('a user who moves a message to Junk teaches, once, and takes it back by moving it out', async () => {
    await start();
    await send(['points 0 signed by list.example']);
    await expect.poll(() => server.logged.filter(({ event }) => event === 'delivered').length).toBe(1);
    const mailboxes = await store.mailboxes('bob');
    const named = (name: string) => mailboxes.find((one) => one.name === name)?.id ?? '';
    const moved = () =>
      server.logged.filter(({ event }) => event === 'reputations learnt from a move').length;
    const value = async () => {
      const finding = await send(['points 0 signed by list.example'], { address: '203.0.113.7' });
      return ((finding?.details ?? []) as { kind: string; value: number }[]).find(
        ({ kind }) => kind === 'domain',
      )?.value;
    };
    await store.move(named('INBOX'), [1], named('Junk'));
    await expect.poll(moved).toBe(1);
    const bad = (await value()) ?? 0;
    expect(bad).toBeGreaterThan(0.1);
    await store.move(named('Junk'), [1], named('INBOX'));
    await expect.poll(moved).toBe(2);
    expect(await value()).toBeLessThan(-0.2);
    const [again] = await store.entries(named('INBOX'));
    await store.copy(named('INBOX'), [again?.uid ?? 0], named('INBOX'));
    expect(moved()).toBe(2);
  });

  test('counters that fail leave it to policy, or are skipped by name', async () => {
    const broken = definePlugin({
      name: 'counters-broken',
      provides: [Counters],
      setup({ provide }) {
        const fail = () => Promise.reject(new MailError('E_COUNTERS', 'gone'));
        const nothing = { async *[Symbol.asyncIterator]() {} };
        provide(Counters, {
          take: fail,
          add: fail,
          get: fail,
          set: fail,
          setIfAbsent: fail,
          delete: fail,
          entries: () => nothing,
        });
      },
    });
    await start({}, [broken()]);
    expect((await send(['x']))?.error).toBe('gone');
    await server.stop();
    findings = [];
    await start({ onError: 'skip' }, [broken()]);
    expect(await send(['x'])).toBeUndefined();
  });
});
