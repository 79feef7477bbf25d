/** SEARCH (RFC 9051 section 6.4.4). */
import { type SearchCommand, usesKey } from '../protocol/index.js';
import { findMessages } from './find-messages.js';
import { bad, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** SEARCH. */
export async function search(session: Session, command: SearchCommand): Promise<Outcome> {
  if (command.returns !== undefined) return bad('RETURN is not supported');
  const view = session.selected;
  if (usesKey(command.program, 'mod-seq')) session.enabled.add('CONDSTORE');
  const found = await findMessages(session, view, command.program, command.isUid);
  let text = 'SEARCH';
  for (const index of found) text += ` ${command.isUid ? view.entries[index]?.uid : index + 1}`;
  session.untagged(text);
  return ok('that is all');
}
