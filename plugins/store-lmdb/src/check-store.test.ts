/** The checker finds what is wrong and repairs what can be repaired. */
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CheckReport, checkStore } from './check-store.js';
import { type OpenStore, openMailboxStore } from './mailbox-store-lmdb.js';
import type { MailboxRecord } from './records.js';
import { pair } from './tables.js';
import { messageNamed, testOptions } from './test-kit.js';

let directory: string;
let open: OpenStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-check-'));
  open = openMailboxStore(testOptions(directory));
  for (let number = 0; number < 8; number++) {
    const places = ['alice', 'bob'].map((accountId) => ({
      accountId,
      mailbox: { name: 'INBOX' },
      flags: [],
    }));
    await open.store.file(messageNamed(`m-${number}`), places);
  }
  const inbox = await open.store.mailboxByName('alice', 'INBOX');
  const trash = await open.store.mailboxByName('alice', 'Trash');
  await open.store.copy(inbox?.id ?? '', [1, 2], trash?.id ?? '');
  await open.store.expunge(inbox?.id ?? '', [2, 4]);
});
afterEach(async () => {
  await open.store.close();
  await rm(directory, { recursive: true });
});

const check = (isRepairing: boolean) => checkStore(open.engine, { isRepairing, hasContents: true });
const brief = ({ findings }: CheckReport) => findings.map(({ what, where }) => `${where}: ${what}`);

/** Checks that it is found, repaired, and then gone. */
async function expectRepair(wanted: RegExp): Promise<void> {
  expect(brief(await check(false)).join('\n')).toMatch(wanted);
  const repaired = await check(true);
  expect(repaired.findings.every((finding) => finding.isRepaired)).toBe(true);
  expect(brief(await check(false))).toEqual([]);
}

describe('checkStore', () => {
  it('finds nothing wrong with a store that is right', async () => {
    const report = await check(true);
    const threads = 'Message-IDs of threads without messages';
    expect(report).toMatchObject({ mailboxes: 12, messages: 8, bodies: 8 });
    expect(report.findings).toEqual([{ what: `1 ${threads}`, where: 'threads', isRepaired: true }]);
    expect((await check(true)).findings).toEqual([]);
  });

  it('repairs the sums of a mailbox and of an account', async () => {
    const { mailboxes, accounts } = open.engine.tables;
    const record = mailboxes.get(1) as MailboxRecord;
    await mailboxes.put(1, { ...record, messages: 1, unseen: 77, uidNext: 3 });
    const account = accounts.get('=alice');
    if (account !== undefined) await accounts.put('=alice', { ...account, usedBytes: 1 });
    await expectRepair(/alice: INBOX: messages is 1, not 6, unseen is 77, not 6, uidNext is 3, not 9/);
    expect((await open.store.mailboxByName('alice', 'INBOX'))?.uidNext).toBe(9);
  });

  it('removes an entry whose message is gone, and says so to clients', async () => {
    await open.engine.tables.messages.remove(3);
    const inbox = await open.store.mailboxByName('alice', 'INBOX');
    await expectRepair(/UID 3 shows a message that does not exist/);
    expect((await open.store.changes(inbox?.id ?? '', inbox?.highestModSeq ?? 0)).vanished).toEqual([3]);
  });

  it('repairs counts of who shows what', async () => {
    const { shares } = open.engine.tables;
    await shares.put(1, 9);
    await shares.remove(5);
    await expectRepair(/is used 3 times, not 9/);
  });

  it('removes what nobody shows', async () => {
    const { entries, shares } = open.engine.tables;
    await entries.remove(pair(1, 8));
    await entries.remove(pair(7, 8));
    await shares.remove(8);
    const report = await check(true);
    expect(report.messages).toBe(7);
    expect(brief(await check(false))).toEqual([]);
  });

  it('gives a nameless mailbox its name back', async () => {
    const { names } = open.engine.tables;
    await names.remove([1, 'INBOX']);
    await names.put([1, 'ghost'], 4_711);
    await expectRepair(/the mailbox has no name/);
    expect((await open.store.mailboxByName('alice', 'INBOX'))?.messages).toBe(6);
  });

  it('reports a body that is damaged or gone, and keeps the message', async () => {
    const [row] = [...open.engine.tables.files.getKeys()];
    const file = open.engine.files.path(row ?? '');
    const { size } = await stat(file);
    await truncate(file, 1_000);
    expect(brief(await check(true)).join()).toMatch(/has 1000 octets, not 9/);
    await writeFile(file, 'x'.repeat(size));
    const whole = brief(await checkStore(open.engine, { isRepairing: false, hasContents: true })).join();
    expect(whole).toMatch(/differs from its digest/);
    await rm(file);
    const report = await check(true);
    expect(brief(report).join()).toMatch(/the file of a body is not there/);
    expect(report.findings.some((finding) => finding.isRepaired)).toBe(false);
  });

  it('clears away threads and texts of messages that are gone, when it repairs', async () => {
    const { threads, texts } = open.engine.tables;
    await texts.put(pair(0, 5), Buffer.from([3, 0]));
    await texts.put(pair(900, 5), Buffer.from([3, 0]));
    const before = [...threads.getKeys()].length;
    const inbox = await open.store.mailboxByName('bob', 'INBOX');
    await open.store.expunge(inbox?.id ?? '', [8]);
    expect(brief(await check(false))).toEqual([]);
    expect(brief(await check(true)).sort()).toEqual([
      'texts: 1 rows of texts of messages that are gone',
      'threads: 2 Message-IDs of threads without messages',
    ]);
    // Bob's last message and Alice's fourth, which the setup removed, are out of their threads.
    expect([...threads.getKeys()]).toHaveLength(before - 2);
    expect(texts.get(pair(0, 5))).toBeDefined();
  });
});
