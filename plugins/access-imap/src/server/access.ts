/** Who may do what with a mailbox: SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314). */
import { allRights, isMailError, type Mailbox, normaliseRights } from '@postroad/core';
import {
  type AccessCommand,
  mailboxOctets,
  octetsOf,
  type SetAccessCommand,
  writeAstring,
} from '../protocol/index.js';
import { findMailbox, notAllowed, wantMailbox } from './find-mailbox.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** SETACL and DELETEACL. The owner keeps all rights, whatever is set. */
export async function setAccess(
  session: Session,
  command: SetAccessCommand | AccessCommand,
): Promise<Outcome> {
  const wanted = await wantMailbox(session, command.mailbox, 'a');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { mailbox } = wanted;
  const { identifier } = command;
  if (identifier.startsWith('-')) return no('rights can only be given', 'CANNOT');
  if (identifier === mailbox.accountId) return no('the owner has all rights', 'CANNOT');
  const { store } = session.server;
  const known = (await store.shares?.(mailbox.id))?.get(identifier) ?? '';
  const rights = command.name === 'SETACL' ? changedRights(known, command) : '';
  if (rights === undefined) return bad('there is no such right');
  try {
    await store.setShare?.(mailbox.id, identifier, rights);
  } catch (error) {
    if (!isMailError(error, 'E_QUOTA')) throw error;
    return no('the mailbox is shared with too many', 'LIMIT');
  }
  return ok('the rights are changed');
}

/** GETACL. */
export async function getAccess(session: Session, command: AccessCommand): Promise<Outcome> {
  const wanted = await wantMailbox(session, command.mailbox, 'a');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { mailbox } = wanted;
  const shares = (await session.server.store.shares?.(mailbox.id)) ?? new Map<string, string>();
  const pairs = [[mailbox.accountId, allRights] as const, ...shares].map(
    ([identifier, rights]) => `${writeAstring(octetsOf(identifier))} ${toldRights(rights)}`,
  );
  session.untagged(`ACL ${nameText(session, mailbox)} ${pairs.join(' ')}`);
  return ok('these are the rights');
}

/** LISTRIGHTS: every right can be given by itself. */
export async function listRights(session: Session, command: AccessCommand): Promise<Outcome> {
  const wanted = await wantMailbox(session, command.mailbox, 'a');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const identifier = writeAstring(octetsOf(command.identifier));
  const isOwner = command.identifier === wanted.mailbox.accountId;
  const rights = isOwner ? toldRights(allRights) : `"" ${[...allRights].join(' ')} c d`;
  session.untagged(`LISTRIGHTS ${nameText(session, wanted.mailbox)} ${identifier} ${rights}`);
  return ok('these rights can be given');
}

/** MYRIGHTS. */
export async function myRights(session: Session, command: AccessCommand): Promise<Outcome> {
  const found = await findMailbox(session, command.mailbox);
  if (found === undefined) return no('there is no such mailbox', 'NONEXISTENT');
  if (!/[lrikxa]/.test(found.rights)) return notAllowed();
  session.untagged(`MYRIGHTS ${nameText(session, found.mailbox)} ${toldRights(found.rights)}`);
  return ok('these are your rights');
}

function changedRights(known: string, { mode, rights }: SetAccessCommand): string | undefined {
  const given = normaliseRights(rights);
  if (given === undefined || mode === 'replace') return given;
  if (mode === 'add') return normaliseRights(known + given);
  return [...known].filter((letter) => !given.includes(letter)).join('');
}

/** RFC 4314 section 2.1.1: older clients look for `c` and `d`. */
function toldRights(rights: string): string {
  if (rights === '') return '""';
  const create = /[kx]/.test(rights) ? 'c' : '';
  return `${rights}${create}${/[te]/.test(rights) ? 'd' : ''}`;
}

function nameText(session: Session, mailbox: Mailbox): string {
  return writeAstring(mailboxOctets(mailbox.name, session.names));
}
