/** The checker: verifies every invariant of a store and repairs what can be repaired without losing mail. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { decodeBody } from './body-codec.js';
import type { Change } from './change.js';
import { findLeftovers } from './check-leftovers.js';
import type { Engine } from './engine.js';
import type { MailboxRecord } from './records.js';
import { type MailboxSums, type Survey, surveyStore } from './survey.js';
import { pair, type Tables } from './tables.js';

/** Something that is not as it should be. */
export interface CheckFinding {
  readonly what: string;
  /** The mailbox, account, message or file it is about. */
  readonly where: string;
  readonly isRepaired: boolean;
}

/** What a check saw. */
export interface CheckReport {
  readonly mailboxes: number;
  readonly messages: number;
  readonly bodies: number;
  readonly findings: readonly CheckFinding[];
}

/** How to check. */
export interface CheckOptions {
  readonly isRepairing: boolean;
  /** Also reads every body and compares it with its digest. */
  readonly hasContents: boolean;
  /** Told how many bodies of how many have been looked at. */
  readonly onProgress?: (done: number, all: number) => void;
}

interface Problem {
  readonly what: string;
  readonly where: string;
  readonly fix?: (change: Change) => void;
}

/** A repair may bring another problem to light; more rounds than this are not needed. */
const roundsMax = 4;

/**
 * Checks a store, which may be in use. Repairs are one commit each round. What can't be repaired is a message whose
 * content is gone or differs: it stays and is reported.
 */
export async function checkStore(engine: Engine, options: CheckOptions): Promise<CheckReport> {
  const repaired: CheckFinding[] = [];
  for (let round = 0; options.isRepairing && round < roundsMax; round++) {
    const fixed = await engine.run((change) => {
      const seen = surveyStore(engine.tables);
      const fixable = problemsOf(seen, engine.tables).filter((problem) => problem.fix);
      const all = [...fixable, ...findLeftovers(engine.tables, seen.messages)];
      for (const problem of all) problem.fix?.(change);
      return all;
    });
    repaired.push(...fixed.map(({ what, where }) => ({ what, where, isRepaired: true })));
    if (fixed.length === 0) break;
  }
  if (repaired.length > 0) engine.cache.clear();
  const { survey, problems } = engine.read((tables) => {
    const seen = surveyStore(tables);
    return { survey: seen, problems: problemsOf(seen, tables) };
  });
  const broken = [...problems, ...(await contentProblems(engine, survey, options))];
  const left = broken.map(({ what, where }) => ({ what, where, isRepaired: false }));
  return {
    mailboxes: survey.mailboxes.size,
    messages: survey.messages.size,
    bodies: survey.bodies.size,
    findings: [...repaired, ...left],
  };
}

function problemsOf(survey: Survey, tables: Tables): readonly Problem[] {
  return [
    ...mailboxProblems(survey),
    ...nameProblems(survey, tables),
    ...accountProblems(survey, tables),
    ...shareProblems(survey, tables),
  ];
}

function mailboxProblems(survey: Survey): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [number, sums] of survey.mailboxes) {
    const { record } = sums;
    if (record === undefined) problems.push(...strayProblems(number, sums));
    // One that is being cleared away is not expected to add up.
    else if (!record.isRemoved) problems.push(...sumProblems(number, record, sums));
  }
  return problems;
}

function strayProblems(number: number, sums: MailboxSums): readonly Problem[] {
  const fix = (change: Change) => {
    const { entries } = change.environment.tables;
    for (const uid of sums.uids) change.write(() => void entries.remove(pair(number, uid)));
  };
  if (sums.uids.length === 0) return [];
  return [
    { what: `${sums.uids.length} entries of a mailbox that does not exist`, where: `mailbox ${number}`, fix },
  ];
}

function sumProblems(number: number, record: MailboxRecord, sums: MailboxSums): readonly Problem[] {
  const where = `${record.accountId}: ${record.name}`;
  const right = {
    messages: sums.messages,
    unseen: sums.unseen,
    sizeBytes: sums.sizeBytes,
    uidNext: Math.max(record.uidNext, sums.uidMax + 1),
    modSeq: Math.max(record.modSeq, sums.modSeqMax),
    logRows: sums.logRows,
  };
  const problems: Problem[] = [];
  const wrong = (Object.keys(right) as (keyof typeof right)[]).filter((key) => record[key] !== right[key]);
  if (wrong.length > 0) {
    const what = wrong.map((key) => `${key} is ${record[key]}, not ${right[key]}`).join(', ');
    const fix = (change: Change) => {
      const mailbox = change.mailboxRecord(number);
      if (mailbox !== undefined) Object.assign(mailbox, right);
    };
    problems.push({ what, where, fix });
  }
  for (const entry of sums.lost) {
    // With the sums wrong the removal waits for the next round.
    const fix = (change: Change) => {
      const mailbox = change.mailboxRecord(number);
      if (mailbox !== undefined) change.remove(mailbox, [entry]);
    };
    const what = `UID ${entry.uid} shows a message that does not exist`;
    problems.push(wrong.length === 0 ? { what, where, fix } : { what, where });
  }
  return problems;
}

function nameProblems(survey: Survey, tables: Tables): readonly Problem[] {
  const problems: Problem[] = [];
  const named = new Set<number>();
  for (const [account, name, number] of survey.names) {
    const record = survey.mailboxes.get(number)?.record;
    if (record?.account === account && record.name === name && !record.isRemoved) {
      named.add(number);
      continue;
    }
    const fix = (change: Change) => change.write(() => void tables.names.remove([account, name]));
    problems.push({ what: 'the name leads to no mailbox', where: name, fix });
  }
  for (const [number, { record }] of survey.mailboxes) {
    if (record === undefined || record.isRemoved || named.has(number)) continue;
    const isTaken = survey.names.some(
      ([account, name]) => account === record.account && name === record.name,
    );
    const name = isTaken ? `${record.name} (found ${number})` : record.name;
    const fix = (change: Change) => {
      const mailbox = change.mailboxRecord(number);
      if (mailbox !== undefined) mailbox.name = name;
      change.write(() => void tables.names.put([record.account, name], number));
    };
    problems.push({ what: 'the mailbox has no name', where: `${record.accountId}: ${record.name}`, fix });
  }
  return problems;
}

function accountProblems(survey: Survey, tables: Tables): readonly Problem[] {
  const sums = new Map<
    number,
    { accountId: string; messages: number; usedBytes: number; mailboxes: number }
  >();
  for (const { record, messages, sizeBytes } of survey.mailboxes.values()) {
    if (record === undefined || record.isRemoved) continue;
    const { accountId, account } = record;
    const sum = sums.get(account) ?? { accountId, messages: 0, usedBytes: 0, mailboxes: 0 };
    sum.messages += messages;
    sum.usedBytes += sizeBytes;
    sum.mailboxes++;
    sums.set(account, sum);
  }
  const problems: Problem[] = [];
  for (const { value: account } of tables.accounts.getRange({})) {
    const sum = sums.get(account.number);
    if (sum === undefined) continue;
    const { accountId, ...right } = sum;
    const keys = Object.keys(right) as (keyof typeof right)[];
    const wrong = keys.filter((key) => account[key] !== right[key]);
    if (wrong.length === 0) continue;
    const what = wrong.map((key) => `${key} is ${account[key]}, not ${right[key]}`).join(', ');
    const fix = (change: Change) => {
      const record = change.accountRecord(accountId);
      if (record !== undefined) Object.assign(record, right);
    };
    problems.push({ what, where: accountId, fix });
  }
  return problems;
}

/** Counts of who shows what. A message that nobody shows is removed; one mailbox being cleared still shows its own. */
function shareProblems(survey: Survey, tables: Tables): readonly Problem[] {
  const problems: Problem[] = [];
  const check = (what: string, key: string | number, count: number, remove: (change: Change) => void) => {
    const noted = tables.shares.get(key) ?? 1;
    if (noted === Math.max(count, 1) && count > 0) return;
    const fix = (change: Change) => {
      change.write(() => void (count > 1 ? tables.shares.put(key, count) : tables.shares.remove(key)));
      if (count === 0) remove(change);
    };
    problems.push({
      what: count === 0 ? `${what} is not used` : `${what} is used ${count} times, not ${noted}`,
      where: String(key),
      fix,
    });
  };
  for (const [number, { shown }] of survey.messages) {
    check('a message', number, shown, (change) => {
      change.freedMessages.push(number);
      change.write(() => void tables.messages.remove(number));
    });
  }
  for (const [key, { used, file }] of survey.bodies) {
    check('a body', key, used, (change) => {
      change.write(() => void tables.bodies.remove(key));
      if (file === '') return;
      change.write(() => void tables.files.remove(file));
      change.freedFiles.push(file);
    });
  }
  return problems;
}

async function contentProblems(
  engine: Engine,
  survey: Survey,
  options: CheckOptions,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [number, { body }] of survey.messages) {
    if (!survey.bodies.has(body))
      problems.push({ what: 'the body of a message is not there', where: `message ${number}` });
  }
  let done = 0;
  for (const [key, body] of survey.bodies) {
    if (++done % 1_000 === 0) options.onProgress?.(done, survey.bodies.size);
    const what = await bodyProblem(engine, key, body, options.hasContents);
    // It may have been removed while the check went on.
    if (what !== undefined && engine.read((tables) => tables.bodies.doesExist(key)))
      problems.push({ what, where: body.file || key });
  }
  return problems;
}

async function bodyProblem(
  engine: Engine,
  key: string,
  { file, sizeBytes }: { readonly file: string; readonly sizeBytes: number },
  hasContents: boolean,
): Promise<string | undefined> {
  if (file !== '') {
    const found = await stat(engine.files.path(file)).catch(() => undefined);
    if (found === undefined) return 'the file of a body is not there';
    if (found.size !== sizeBytes) return `the file of a body has ${found.size} octets, not ${sizeBytes}`;
  }
  // The key of a body that was put together from parts is not the digest of its octets.
  if (!hasContents || !/^[0-9a-f]{64}$/.test(key)) return undefined;
  const digest = file === '' ? inlineDigest(engine, key) : await engine.files.digest(file);
  return digest === undefined || digest === key ? undefined : 'the content of a body differs from its digest';
}

function inlineDigest(engine: Engine, key: string): string | undefined {
  return engine.read((tables) => {
    const encoded = tables.bodies.getBinary(key);
    return encoded === undefined
      ? undefined
      : createHash('sha256').update(decodeBody(encoded).octets).digest('hex');
  });
}
