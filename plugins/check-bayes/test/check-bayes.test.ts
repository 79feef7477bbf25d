/** Precision and recall, and learning by moving mail over IMAP. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, bodyFromBytes, definePlugin, type Finding, MailboxStore, systemClock } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { spamCommands } from '../src/commands.js';
import { type Counts, checkBayes, classify, type Tokens, tokensOf, tokensOfMessage } from '../src/index.js';
import { openStatistics } from '../src/statistics.js';
import { makeMail } from './made-mail.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-bayes-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A token for each name. */
const tokensFor = (...names: readonly string[]): Tokens => ({
  length: names.length,
  hashes: Uint32Array.from(names.flatMap((name) => [...tokensOf([name]).hashes])),
});

const pairsOf = ({ spam, ham }: Counts) => [...spam].map((count, at) => [count, ham[at]]);

const bodyOf = (text: string) => bodyFromBytes(Buffer.from(text));

describe('the classifier', () => {
  test('after 240 messages finds nearly all spam and takes hardly anything else for it', async () => {
    const statistics = await openStatistics(directory, () => systemClock.now());
    try {
      const mail = makeMail(240, 1);
      for (const kind of ['spam', 'ham'] as const) {
        const texts = mail.filter((one) => one.kind === kind).map(({ text }) => text);
        const lessons = texts.map(async (text) => ({
          tokens: await tokensOfMessage(bodyOf(text), 500),
          key: text,
        }));
        await statistics.learn(undefined, kind, await Promise.all(lessons), 1_000_000);
      }
      const learnt = statistics.learnt(undefined);
      const found = { spamAsSpam: 0, spamAsHam: 0, hamAsSpam: 0, hamAsHam: 0 };
      for (const { kind, text } of makeMail(200, 2)) {
        const tokens = await tokensOfMessage(bodyOf(text), 500);
        const isSpam = classify(statistics.counts(undefined, tokens), learnt).probability >= 0.9;
        if (kind === 'spam') found[isSpam ? 'spamAsSpam' : 'spamAsHam']++;
        else found[isSpam ? 'hamAsSpam' : 'hamAsHam']++;
      }
      const precision = found.spamAsSpam / (found.spamAsSpam + found.hamAsSpam);
      const recall = found.spamAsSpam / (found.spamAsSpam + found.spamAsHam);
      console.log(`precision ${precision.toFixed(4)}, recall ${recall.toFixed(4)}`, found);
      expect(precision).toBeGreaterThanOrEqual(0.98);
      expect(recall).toBeGreaterThanOrEqual(0.95);
    } finally {
      await statistics.close();
    }
  });

  test('learns a message once, and the other way round when told so', async () => {
    const statistics = await openStatistics(directory, () => systemClock.now());
    const lesson = { tokens: tokensFor('a'), key: 'key' };
    const learn = (kind: 'spam' | 'ham', scope?: string) => statistics.learn(scope, kind, [lesson], 1_000);
    expect(await learn('spam')).toBe(1);
    expect(await learn('spam')).toBe(0);
    expect(statistics.learnt(undefined)).toEqual({ spam: 1, ham: 0, tokens: 1 });
    expect(await learn('ham')).toBe(1);
    expect(statistics.learnt(undefined)).toEqual({ spam: 0, ham: 1, tokens: 1 });
    expect(pairsOf(statistics.counts(undefined, tokensFor('a')))).toEqual([[0, 1]]);
    expect(await learn('spam', 'bob')).toBe(1);
    expect(pairsOf(statistics.counts('bob', tokensFor('a', 'b')))).toEqual([
      [1, 0],
      [0, 0],
    ]);
    await statistics.close();
    const again = await openStatistics(directory, () => systemClock.now());
    expect(again.learnt('bob')).toEqual({ spam: 1, ham: 0, tokens: 1 });
    await again.close();
  });

  test('keeps its bound: what is rare goes first', async () => {
    const statistics = await openStatistics(directory, () => systemClock.now());
    const often = Array.from({ length: 50 }, (_, at) => `often-${at}`);
    for (let message = 0; message < 24; message++) {
      const rare = Array.from({ length: 50 }, (_, at) => `${message}-${at}`);
      await statistics.learn(
        undefined,
        'spam',
        [{ tokens: tokensFor(...often, ...rare), key: String(message) }],
        1_000,
      );
      expect(statistics.learnt(undefined).tokens).toBeLessThanOrEqual(1_000);
    }
    expect([...new Set(statistics.counts(undefined, tokensFor(...often)).spam)]).toEqual([24]);
    expect(statistics.learnt(undefined).spam).toBe(24);
    await statistics.close();
  });
});

/** A server with the plugin, whose mail goes to `bob`. */
async function start(options = {}): Promise<{ server: TestMta; findings: Finding[]; store: MailboxStore }> {
  const findings: Finding[] = [];
  let store: MailboxStore | undefined;
  const others = definePlugin({
    name: 'route-open',
    needs: { mailboxes: MailboxStore },
    setup({ tap, services }) {
      store = services.mailboxes;
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'local', accountId: 'bob' }));
      tap('message', (_message, found) => {
        findings.push(...found);
        return undefined;
      });
    },
  });
  const use = checkBayes({ directory, who: 'all', learntMin: 20, accountLearntMin: 20, ...options });
  const server = await startTestMta({ plugins: [others(), use] });
  return { server, findings, store: store as MailboxStore };
}

async function mailboxOf(store: MailboxStore, name: string) {
  const found = (await store.mailboxes('bob')).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** Files messages and moves them, as a mail program does; waits until all are learnt. */
async function teach(store: MailboxStore, server: TestMta, count: number): Promise<void> {
  const inbox = await mailboxOf(store, 'INBOX');
  const junk = await mailboxOf(store, 'Junk');
  const mail = makeMail(count, 3);
  for (const [kind, from, to] of [
    ['spam', inbox, junk],
    ['ham', junk, inbox],
  ] as const) {
    const uids: number[] = [];
    for (const { text } of mail.filter((one) => one.kind === kind)) {
      const [filed] = await store.file({ prefix: '', body: bodyOf(text), internalDateMs: 0 }, [
        { accountId: 'bob', mailbox: { id: from.id }, flags: [] },
      ]);
      if (filed?.status === 'filed') uids.push(filed.uid);
    }
    await store.move(from.id, uids, to.id);
  }
  await expect.poll(() => learntOf(server)).toBe(count);
}

/** How many messages the server says it has learnt. */
function learntOf(server: TestMta): number {
  const lines = server.logged.filter(({ event }) => event === 'learnt');
  return lines.reduce((sum, { fields }) => sum + Number(fields.messages), 0);
}

describe('the plugin', () => {
  test('says nothing before it has learnt enough, then adds points and files by what the account has taught', async () => {
    const { server, findings, store } = await start({ junkAt: 0.8 });
    await using _stopped = server;
    const [spam, ham] = makeMail(2, 4);
    const send = (text: string) =>
      server.mta.submit({ reversePath: 'a@example.org', recipients: ['bob@example.net'] }, text);
    await send(spam?.text ?? '');
    expect(findings).toEqual([]);
    await teach(store, server, 50);
    await send(spam?.text ?? '');
    await send(ham?.text ?? '');
    expect(findings.map(({ source, result }) => `${source} ${result}`)).toEqual([
      'check-bayes spam',
      'check-bayes ham',
    ]);
    expect(findings[0]?.score).toBeGreaterThan(3);
    expect(findings[1]?.score).toBeLessThan(-2);
    await expect.poll(() => server.logged.filter(({ event }) => event === 'delivered').length).toBe(3);
    expect(server.logged.filter(({ event }) => event.startsWith('filed to Junk'))).toHaveLength(1);
  });

  test('moving to Trash teaches nothing, and users teach the server only where the options say so', async () => {
    const { server, store } = await start({ usersTeachServer: false });
    const inbox = await mailboxOf(store, 'INBOX');
    const junk = await mailboxOf(store, 'Junk');
    const trash = await mailboxOf(store, 'Trash');
    await teach(store, server, 2);
    const [entry] = await store.entries(junk.id);
    await store.move(junk.id, [entry?.uid ?? 0], trash.id);
    const [other] = await store.entries(inbox.id);
    await store.copy(inbox.id, [other?.uid ?? 0], junk.id);
    await expect.poll(() => learntOf(server)).toBe(3);
    await server.stop();
    const statistics = await openStatistics(directory, () => systemClock.now());
    expect(statistics.learnt(undefined)).toEqual({ spam: 0, ham: 0, tokens: 0 });
    expect(statistics.learnt('bob')).toMatchObject({ spam: 2, ham: 0 });
    await statistics.close();
  });
});

describe('postroad spam', () => {
  const run = async (name: string, args: Record<string, string>) => {
    const command = spamCommands.find((one) => one.name === name);
    const results: unknown[] = [];
    const config = {
      directory: join(directory, 'statistics'),
      tokensMax: 1_000_000,
      accountTokensMax: 1_000,
      wordsMax: 500,
    };
    await command?.run({
      config,
      args,
      terminal: { result: (rows: unknown) => results.push(rows) },
    } as never);
    return results[0];
  };

  test('learns files, directories and mboxes, and judges', async () => {
    const maildir = join(directory, 'Maildir', 'cur');
    await mkdir(maildir, { recursive: true });
    const mail = makeMail(80, 5);
    const of = (kind: string) =>
      mail.filter((one) => one.kind === kind).map(({ text }) => text.replaceAll('\r\n', '\n'));
    for (const [at, text] of of('spam').entries()) await writeFile(join(maildir, `${at}:2,S`), text);
    const mbox = join(directory, 'ham.mbox');
    await writeFile(
      mbox,
      of('ham')
        .map((text) => `From a@example.org Thu Jan  1 00:00:00 1970\n${text}\n`)
        .join(''),
    );
    expect(await run('spam learn', { kind: 'spam', path: join(directory, 'Maildir') })).toEqual([
      { kind: 'spam', messages: 40, learnt: 40, knownBefore: 0 },
    ]);
    expect(await run('spam learn', { kind: 'ham', path: mbox })).toMatchObject([
      { messages: 40, learnt: 40 },
    ]);
    expect(await run('spam learn', { kind: 'ham', path: mbox })).toMatchObject([
      { learnt: 0, knownBefore: 40 },
    ]);
    expect(await run('spam status', {})).toMatchObject([{ of: 'server', spam: 40, ham: 40 }]);
    const judged = (await run('spam judge', { path: maildir })) as { probability: string }[];
    expect(judged).toHaveLength(40);
    expect(judged.every(({ probability }) => Number(probability) > 0.9)).toBe(true);
    await expect(run('spam learn', { kind: 'both', path: mbox })).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(run('spam learn', { kind: 'ham', path: join(directory, 'missing') })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });
});
