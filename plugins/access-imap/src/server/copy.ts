/** COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8, RFC 4315, RFC 6851). */
import type { MailboxEntry } from '@postroad/core';
import { type CopyCommand, formatSet } from '../protocol/index.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** COPY and MOVE; the end of the command tells which messages left the mailbox. */
export async function copy(session: Session, command: CopyCommand): Promise<Outcome> {
  const view = session.selected;
  const isMove = command.name === 'MOVE';
  if (isMove && view.isReadOnly) return no('the mailbox is open for reading only');
  const indexes = view.resolve(command.set, command.isUid, session.savedResult);
  if (indexes === undefined) return bad('there are no such messages');
  const { store } = session.server;
  const target = await store.mailboxByName(session.account, command.mailbox);
  if (target === undefined) return no('there is no such mailbox', 'TRYCREATE');
  const uids = indexes.map((index) => (view.entries[index] as MailboxEntry).uid);
  const copied = isMove
    ? await store.move(view.mailboxId, uids, target.id)
    : await store.copy(view.mailboxId, uids, target.id);
  if (isMove || target.id === view.mailboxId) view.isStale = true;
  const text = isMove ? 'moved' : 'copied';
  if (copied.pairs.length === 0) {
    return uids.length === 0 ? ok('nothing to do') : no('the messages are gone', 'EXPUNGEISSUED');
  }
  const code = `COPYUID ${copied.uidValidity} ${pairedSets(copied.pairs)}`;
  if (!isMove) return ok(text, code);
  // RFC 6851 section 4.3: told before the EXPUNGEs, so that the client can still connect them.
  session.untagged(`OK [${code}] ${text}`);
  return ok(text);
}

/** Source and target set. Targets ascend with their sources, so that both sets are in the same order. */
function pairedSets(pairs: readonly (readonly [number, number])[]): string {
  return `${formatSet(pairs.map(([source]) => source))} ${formatSet(pairs.map(([, target]) => target))}`;
}
