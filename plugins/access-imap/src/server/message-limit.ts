/**
 * MESSAGELIMIT: how many messages one command may work on (RFC 9738). FETCH, STORE, SEARCH, MOVE and UID EXPUNGE work on
 * the latest of those they name and tell how far they came; what must be done whole or not at all is refused.
 */
import type { MailboxEntry } from '@postroad/core';
import type { SearchKey } from '../protocol/index.js';
import { matchMessage, type SearchContext } from './match-message.js';
import { no, type Outcome } from './outcome.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** The messages that a command works on. `lowestUid` is set when there are more than it may. */
export interface Share {
  readonly indexes: readonly number[];
  readonly lowestUid?: number;
}

/** Of ascending indexes the last ones, as many as one command may work on. */
export function latest(session: Session, view: View, indexes: readonly number[]): Share {
  return lastOf(view, indexes, limitOf(session));
}

function lastOf(view: View, indexes: readonly number[], most: number): Share {
  if (indexes.length <= most) return { indexes };
  const kept = indexes.slice(indexes.length - most);
  return { indexes: kept, lowestUid: (view.entries[kept[0] as number] as MailboxEntry).uid };
}

/** The outcome of a command that worked on a share: where it is not the whole, it tells how far it came. */
export function toldShare(session: Session, share: Share | undefined, outcome: Outcome): Outcome {
  if (share?.lowestUid === undefined) return outcome;
  const code = `MESSAGELIMIT ${limitOf(session)} ${share.lowestUid}`;
  if (outcome.status === 'OK' && outcome.code === undefined) return { ...outcome, code };
  // RFC 9738 section 3.1: a tagged response has room for one code only.
  session.untagged(`NO [${code}] only the latest messages were looked at`);
  return outcome;
}

/** The refusal of what can only be done whole, when it is of too many messages. */
export function refusalOfMany(session: Session, count: number): Outcome | undefined {
  const most = limitOf(session);
  return count > most ? tooMany(most) : undefined;
}

/** The refusal of an APPEND of too many messages. */
export function refusalOfAppend(session: Session, count: number): Outcome | undefined {
  const most = saveLimitOf(session);
  return count > most ? tooMany(most) : undefined;
}

/** The refusal of a COPY of too many messages, which tells from which UID on it would not be. */
export function refusalOfCopy(session: Session, view: View, indexes: readonly number[]): Outcome | undefined {
  const most = saveLimitOf(session);
  const { lowestUid } = lastOf(view, indexes, most);
  return lowestUid === undefined ? undefined : tooMany(most, ` ${lowestUid}`);
}

function tooMany(most: number, uid = ''): Outcome {
  return no('these are too many messages for one command', `MESSAGELIMIT ${most}${uid}`);
}

/**
 * The messages that a search has to look at: of those that its sets of numbers name at the top, as many as it may.
 * `undefined` for all of them, where nothing is limited.
 */
export function searched(session: Session, view: View, program: SearchKey): Share | undefined {
  if (limitOf(session) === Number.POSITIVE_INFINITY) return undefined;
  const sets = topKeys(program).filter(({ key }) => setKeys.has(key));
  const context: SearchContext = {
    nowMs: 0,
    count: view.count,
    lastUid: view.lastUid,
    saved: new Set(session.savedResult),
    recent: view.recent,
  };
  const indexes: number[] = [];
  for (let index = 0; index < view.count; index++) {
    const entry = view.entries[index] as MailboxEntry;
    const candidate = { entry, number: index + 1, message: undefined, content: undefined };
    if (sets.every((key) => matchMessage(key, candidate, context) === true)) indexes.push(index);
  }
  return latest(session, view, indexes);
}

/** The refusal of SORT and THREAD over too many messages (RFC 9738 section 3.3). */
export function refusalOfOrder(session: Session, view: View, program: SearchKey): Outcome | undefined {
  const share = searched(session, view, program);
  return share?.lowestUid === undefined ? undefined : refusalOfMany(session, share.indexes.length + 1);
}

const setKeys: ReadonlySet<SearchKey['key']> = new Set(['sequence', 'uid', 'uid-after', 'uid-before']);

function topKeys(program: SearchKey): readonly SearchKey[] {
  return program.key === 'and' ? program.keys.flatMap(topKeys) : [program];
}

function limitOf({ server }: Session): number {
  return server.limits.messagesPerCommandMax ?? Number.POSITIVE_INFINITY;
}

/** RFC 9738 section 3: what COPY and APPEND may take where nothing else is limited (SAVELIMIT). */
function saveLimitOf({ server }: Session): number {
  const { messagesPerCommandMax, messagesPerSaveMax } = server.limits;
  return messagesPerCommandMax ?? messagesPerSaveMax ?? Number.POSITIVE_INFINITY;
}
