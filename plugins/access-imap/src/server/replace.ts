/** REPLACE (RFC 8508): a new message in the place of an old one, as drafts need it. */
import type { MailboxEntry } from '@postroad/core';
import type { ReplaceCommand } from '../protocol/index.js';
import { type Arrivals, append } from './append.js';
import { notAllowed } from './find-mailbox.js';
import { refresh } from './news.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** REPLACE; the old message goes only when the new one is stored. */
export async function replace(
  session: Session,
  command: ReplaceCommand,
  arrivals: Arrivals,
): Promise<Outcome> {
  const view = session.selected;
  if (view.isReadOnly) return no('the mailbox is open for reading only');
  if (!view.may('e')) return notAllowed();
  // Another may have removed the message: then there is nothing to put the new one in the place of.
  if (view.isStale) await refresh(session, view);
  if (session.view !== view) return no('the mailbox is gone');
  const { message } = command;
  const set = { kind: 'ranges', ranges: [[message, message]] } as const;
  const index = view.resolve(set, command.isUid, [])?.[0];
  const entry: MailboxEntry | undefined = index === undefined ? undefined : view.entries[index];
  if (entry === undefined || view.isGhost(entry.uid)) {
    return command.isUid ? no('there is no such message', 'NONEXISTENT') : bad('there is no such message');
  }
  const appended = await append(
    session,
    { name: 'APPEND', mailbox: command.mailbox, messages: [command.content] },
    arrivals,
  );
  if (appended.status !== 'OK') return appended;
  // RFC 8508 section 3.4: where the new message is, is told before the old one is gone.
  session.untagged(`OK [${appended.code}] replaced`);
  await session.server.store.expunge(view.mailboxId, [entry.uid]);
  view.isStale = true;
  return ok('replaced');
}
