/** COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8, RFC 4315, RFC 6851). */
import { type Copied, type Mailbox, type MailboxEntry, MailError } from '@postroad/core';
import { type CopyCommand, formatSet } from '../protocol/index.js';
import { takeBack } from './append.js';
import { type FoundMailbox, notAllowed, wantMailbox } from './find-mailbox.js';
import { latest, refusalOfCopy, toldShare } from './message-limit.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { rightOfFlag, type View } from './view.js';

/** COPY and MOVE; the end of the command tells which messages left the mailbox. */
export async function copy(session: Session, command: CopyCommand): Promise<Outcome> {
  const view = session.selected;
  const isMove = command.name === 'MOVE';
  if (isMove && view.isReadOnly) return no('the mailbox is open for reading only');
  // RFC 4314 section 4: a MOVE takes messages away.
  if (isMove && !view.may('e')) return notAllowed();
  const indexes = view.resolve(command.set, command.isUid, session.savedResult);
  if (indexes === undefined) return bad('there are no such messages');
  const wanted = await wantMailbox(session, command.mailbox, 'i', 'TRYCREATE');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const target = wanted.mailbox;
  // RFC 9738 section 3.1: a COPY is whole or not at all; a MOVE goes as far as it may.
  const refusal = isMove ? undefined : refusalOfCopy(session, view, indexes);
  if (refusal !== undefined) return refusal;
  const share = isMove ? latest(session, view, indexes) : { indexes };
  const uids = share.indexes.map((index) => (view.entries[index] as MailboxEntry).uid);
  const copied = await transfer(session, view, uids, wanted, isMove);
  if (isMove || target.id === view.mailboxId) view.isStale = true;
  const text = isMove ? 'moved' : 'copied';
  if (copied.pairs.length === 0) {
    return uids.length === 0 ? ok('nothing to do') : no('the messages are gone', 'EXPUNGEISSUED');
  }
  const code = `COPYUID ${copied.uidValidity} ${pairedSets(copied.pairs)}`;
  if (!isMove) return ok(text, code);
  // RFC 6851 section 4.3: told before the EXPUNGEs, so that the client can still connect them.
  session.untagged(`OK [${code}] ${text}`);
  return toldShare(session, share, ok(text));
}

/** Within an account the store does it; to another's mailbox messages are filed anew, and only then removed here. */
async function transfer(
  session: Session,
  view: View,
  uids: readonly number[],
  { mailbox: target, rights }: FoundMailbox,
  isMove: boolean,
): Promise<Copied> {
  const { store } = session.server;
  const keepsFlags = ['s', 'w', 't'].every((right) => rights.includes(right));
  if (target.accountId === view.accountId && keepsFlags) {
    return isMove ? store.move(view.mailboxId, uids, target.id) : store.copy(view.mailboxId, uids, target.id);
  }
  const wanted = new Set(uids);
  const pairs: (readonly [number, number])[] = [];
  try {
    for (const entry of await store.entries(view.mailboxId)) {
      if (!wanted.has(entry.uid)) continue;
      const uid = await fileAgain(session, entry, target, rights);
      if (uid !== undefined) pairs.push([entry.uid, uid]);
    }
  } catch (error) {
    // RFC 9051 section 6.4.7: all or none.
    await takeBack(
      session,
      target,
      pairs.map(([, uid]) => uid),
    );
    throw error;
  }
  if (isMove)
    await store.expunge(
      view.mailboxId,
      pairs.map(([uid]) => uid),
    );
  return { uidValidity: target.uidValidity, pairs };
}

async function fileAgain(
  session: Session,
  entry: MailboxEntry,
  target: Mailbox,
  rights: string,
): Promise<number | undefined> {
  const { store } = session.server;
  const body = await store.open(entry.messageId);
  if (body === undefined) return undefined;
  try {
    const flags = entry.flags.filter((flag) => rights.includes(rightOfFlag(flag)));
    const message = { prefix: '', body, internalDateMs: entry.internalDateMs };
    const filing = { accountId: target.accountId, mailbox: { id: target.id }, flags };
    const [filed] = await store.file(message, [filing]);
    if (filed?.status === 'filed') return filed.uid;
    throw new MailError(filed?.status === 'quota' ? 'E_QUOTA' : 'E_NOT_FOUND', 'the message was not copied');
  } finally {
    await body.release();
  }
}

/** Source and target set. Targets ascend with their sources, so that both sets are in the same order. */
function pairedSets(pairs: readonly (readonly [number, number])[]): string {
  return `${formatSet(pairs.map(([source]) => source))} ${formatSet(pairs.map(([, target]) => target))}`;
}
