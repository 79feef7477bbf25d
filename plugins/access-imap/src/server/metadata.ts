/** Annotations of mailboxes and of the account (RFC 5464, RFC 9590). */
import { type AnnotationPlace, annotationLimits, isMailError } from '@postroad/core';
import {
  type GetMetadataCommand,
  type MetadataDepth,
  mailboxOctets,
  type SetMetadataCommand,
  writeAstring,
  writeOctets,
} from '../protocol/index.js';
import { wantMailbox } from './find-mailbox.js';
import { no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

type Values = ReadonlyMap<string, Uint8Array>;

/** GETMETADATA. An entry without a value is told as NIL when it was asked for by its own name. */
export async function getMetadata(session: Session, command: GetMetadataCommand): Promise<Outcome> {
  const place = await placeOf(session, command.mailbox, 'r');
  if ('status' in place) return place;
  const values = await annotationsOf(session, place);
  const entries = new Set(command.entries.flatMap((entry) => matching(values, entry, command.depth)));
  const { valueOctetsMax = Number.POSITIVE_INFINITY } = command;
  let longest = 0;
  for (const entry of entries) {
    const length = values.get(entry)?.length ?? 0;
    if (length <= valueOctetsMax) continue;
    longest = Math.max(longest, length);
    entries.delete(entry);
  }
  tellValues(session, command.mailbox, values, [...entries]);
  if (longest === 0) return ok('these are the annotations');
  return ok('some annotations are longer', `METADATA LONGENTRIES ${longest}`);
}

/** SETMETADATA. */
export async function setMetadata(session: Session, command: SetMetadataCommand): Promise<Outcome> {
  const isShared = [...command.values.keys()].some((entry) => entry.startsWith('/shared/'));
  const place = await placeOf(session, command.mailbox, isShared ? 'w' : 'r');
  if ('status' in place) return place;
  const values = new Map<string, Uint8Array | null>();
  for (const [entry, value] of command.values) {
    // What all users of a server share is its operator's.
    if (place.mailboxId === undefined && entry.startsWith('/shared/'))
      return no('the annotation can not be changed', 'NOPERM');
    if ((value?.length ?? 0) > annotationLimits.valueOctetsMax) {
      return no('the value is too long', `METADATA MAXSIZE ${annotationLimits.valueOctetsMax}`);
    }
    values.set(entry, value === null ? null : Buffer.from(value, 'latin1'));
  }
  try {
    await session.server.store.annotate?.(place, values);
  } catch (error) {
    if (!isMailError(error, 'E_QUOTA')) throw error;
    return no('there would be too many annotations', 'METADATA TOOMANY');
  }
  return ok('annotated');
}

/** The annotations that LIST was asked for (RFC 9590). */
export async function tellListed(
  session: Session,
  mailbox: { readonly id: string; readonly name: string },
  entries: readonly string[],
): Promise<void> {
  const values = await annotationsOf(session, { accountId: session.account, mailboxId: mailbox.id });
  tellValues(session, mailbox.name, values, entries);
}

/** What a client wrote of a mailbox name, as a place; or why it can't be used (RFC 5464 section 4.1). */
async function placeOf(session: Session, name: string, right: string): Promise<AnnotationPlace | Outcome> {
  if (name === '') return { accountId: session.account };
  const wanted = await wantMailbox(session, name, right);
  return wanted.refusal ?? { accountId: session.account, mailboxId: wanted.mailbox.id };
}

async function annotationsOf(session: Session, place: AnnotationPlace): Promise<Values> {
  return (await session.server.store.annotations?.(place)) ?? new Map();
}

/** The entry itself, and those below it that have values (RFC 5464 section 4.2.2). */
function matching(values: Values, entry: string, depth: MetadataDepth): readonly string[] {
  if (depth === 0) return [entry];
  const below = [...values.keys()].filter((known) => {
    if (!known.startsWith(`${entry}/`)) return false;
    return depth === 'infinity' || !known.slice(entry.length + 1).includes('/');
  });
  return values.has(entry) ? [entry, ...below] : below;
}

function tellValues(session: Session, name: string, values: Values, entries: readonly string[]): void {
  if (entries.length === 0) return;
  const pairs = entries.map((entry) => {
    const value = values.get(entry);
    return `${entry} ${value === undefined ? 'NIL' : writeOctets(Buffer.from(value).toString('latin1'))}`;
  });
  const place = name === '' ? '""' : writeAstring(mailboxOctets(name, session.names));
  session.untagged(`METADATA ${place} (${pairs.join(' ')})`);
}
