/** SEARCH (RFC 9051 section 6.4.4). */
import { type SearchCommand, usesKey } from '../protocol/index.js';
import { enableCondstore } from './condstore.js';
import { findMessages } from './find-messages.js';
import { type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { writeExtended, writeNumbers } from './write-results.js';

/** SEARCH. */
export async function search(session: Session, command: SearchCommand, tag: string): Promise<Outcome> {
  const view = session.selected;
  const hasModSeq = usesKey(command.program, 'mod-seq');
  if (hasModSeq) enableCondstore(session);
  const isSaving = command.returns?.options.has('SAVE') === true;
  const saved = session.savedResult;
  // RFC 5182 section 2.1: a search that fails leaves an empty result; it is put back only by one that succeeds.
  const indexes = await findMessages(session, view, command.program, command.isUid, tag).catch(
    (error: unknown) => {
      session.savedResult = isSaving ? [] : saved;
      throw error;
    },
  );
  const results = { indexes, isUid: command.isUid, isSorted: false, hasModSeq };
  // RFC 9051 section 6.4.4: IMAP4rev2 knows only the extended answer.
  const isRev2 = session.enabled.has('IMAP4REV2');
  const returns = command.returns ?? (isRev2 ? { options: new Set(['ALL'] as const) } : undefined);
  if (returns === undefined) writeNumbers(session, view, 'SEARCH', results);
  else writeExtended(session, view, tag, returns, results);
  return ok('that is all');
}
