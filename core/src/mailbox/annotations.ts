/** Annotations of mailboxes and accounts (RFC 5464): what every store does with them in the same way. */
import { MailError } from '../errors.js';
import type { AnnotationPlace, ChangeNotice } from '../services/mailbox-store.js';

/** Bounds of the annotations of one place, for everybody together or for one account. */
export const annotationLimits = {
  entriesMax: 100,
  entryLengthMax: 250,
  valueOctetsMax: 65_536,
  octetsMax: 1_048_576,
} as const;

/** Whether an entry is the account's own. */
export function isPrivateEntry(entry: string): boolean {
  return entry.startsWith('/private/');
}

/** The annotations after a change; throws `E_QUOTA` when they would be too many or too long. */
export function changedAnnotations(
  known: ReadonlyMap<string, Uint8Array>,
  values: ReadonlyMap<string, Uint8Array | null>,
): ReadonlyMap<string, Uint8Array> {
  const changed = new Map(known);
  for (const [entry, value] of values) {
    if (value === null) {
      changed.delete(entry);
      continue;
    }
    const { entryLengthMax, valueOctetsMax } = annotationLimits;
    if (entry.length > entryLengthMax || value.length > valueOctetsMax) throw tooMuch();
    changed.set(entry, Uint8Array.from(value));
  }
  let octets = 0;
  for (const [entry, value] of changed) octets += entry.length + value.length;
  const isGrown = changed.size > known.size || octets > sizeOf(known);
  if (isGrown && (changed.size > annotationLimits.entriesMax || octets > annotationLimits.octetsMax)) {
    throw tooMuch();
  }
  return changed;
}

/**
 * Who is told that annotations changed: the owner of the mailbox, and of what is private only whose it is. `place` says
 * who set them.
 */
export function annotationNotices(
  { accountId, mailboxId }: AnnotationPlace,
  owner: string,
  entries: Iterable<string>,
): readonly ChangeNotice[] {
  const all = [...entries];
  const place = mailboxId === undefined ? {} : { mailboxId };
  if (owner === accountId) return [{ accountId, ...place, annotations: all }];
  const own = all.filter(isPrivateEntry);
  const shared = all.filter((entry) => !isPrivateEntry(entry));
  return [
    ...(shared.length === 0 ? [] : [{ accountId: owner, ...place, annotations: shared }]),
    ...(own.length === 0 ? [] : [{ accountId, ...place, annotations: own }]),
  ];
}

function sizeOf(annotations: ReadonlyMap<string, Uint8Array>): number {
  let octets = 0;
  for (const [entry, value] of annotations) octets += entry.length + value.length;
  return octets;
}

function tooMuch(): MailError {
  return new MailError('E_QUOTA', 'there are too many annotations, or too long ones');
}

/** Those of a change that are for everybody, and those of the account. */
export function splitAnnotations<T>(
  values: ReadonlyMap<string, T>,
): readonly [shared: ReadonlyMap<string, T>, own: ReadonlyMap<string, T>] {
  const entries = [...values];
  return [
    new Map(entries.filter(([entry]) => !isPrivateEntry(entry))),
    new Map(entries.filter(([entry]) => isPrivateEntry(entry))),
  ];
}
