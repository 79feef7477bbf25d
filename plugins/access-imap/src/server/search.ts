/** SEARCH (RFC 9051 section 6.4.4). */
import { type SearchCommand, type SearchReturn, usesKey } from '../protocol/index.js';
import { enableCondstore } from './condstore.js';
import { findMessages } from './find-messages.js';
import { searched, toldShare } from './message-limit.js';
import { type Outcome, ok } from './outcome.js';
import { relevanciesOf } from './relevancy.js';
import { keepUpdated, refuseUpdates } from './search-updates.js';
import type { Session } from './session.js';
import { writeExtended, writeNumbers } from './write-results.js';

/** SEARCH. */
export async function search(session: Session, command: SearchCommand, tag: string): Promise<Outcome> {
  const view = session.selected;
  const { program, isUid } = command;
  const hasModSeq = usesKey(program, 'mod-seq');
  if (hasModSeq) enableCondstore(session);
  const isSaving = command.returns?.options.has('SAVE') === true;
  const saved = session.savedResult;
  // RFC 5182 section 2.1: a search that fails leaves an empty result; it is put back only by one that succeeds.
  const share = searched(session, view, program);
  const scope = share === undefined ? {} : { among: share.indexes };
  const indexes = await findMessages(session, view, program, isUid, tag, scope).catch((error: unknown) => {
    session.savedResult = isSaving ? [] : saved;
    throw error;
  });
  const returns = command.returns ?? defaultReturn(session);
  if (returns === undefined) {
    writeNumbers(session, view, 'SEARCH', { indexes, isUid, isSorted: false, hasModSeq });
    return toldShare(session, share, ok('that is all'));
  }
  const relevancies = returns.options.has('RELEVANCY')
    ? await relevanciesOf(session, view, program, indexes)
    : undefined;
  writeExtended(session, view, tag, returns, { indexes, isUid, isSorted: false, hasModSeq, relevancies });
  if (returns.options.has('UPDATE')) {
    if (share?.lowestUid !== undefined) refuseUpdates(session, tag);
    else keepUpdated(session, view, { tag, program, isUid, saved }, indexes);
  }
  return toldShare(session, share, ok('that is all'));
}

/** RFC 9051 section 6.4.4: IMAP4rev2 knows only the extended answer. */
function defaultReturn(session: Session): SearchReturn | undefined {
  return session.enabled.has('IMAP4REV2') ? { options: new Set(['ALL'] as const) } : undefined;
}
