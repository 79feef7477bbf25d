/**
 * Deciding whether a message fits a search program. What is known decides: first the mailbox entry alone, then the
 * parsed message, and only when both leave it open the content. `undefined` means that more must be known.
 */
import {
  decodeHeaderValue,
  type EnvelopeAddress,
  foldText,
  type MailboxEntry,
  type MessageEnvelope,
  type StoredMessage,
} from '@postroad/core';
import { dayOf, isInRanges, type MessageSet, parseHeaderDate, type SearchKey } from '../protocol/index.js';
import { FuzzyQuery } from './fuzzy-text.js';

/** What is the same for all messages of one search. */
export interface SearchContext {
  readonly nowMs: number;
  readonly count: number;
  readonly lastUid: number;
  /** UIDs of the saved result. */
  readonly saved: ReadonlySet<number>;
  /** UIDs of the messages that are \Recent in this session. */
  readonly recent: ReadonlySet<number>;
}

/** What is known of a message; one object serves for all messages of a search. */
export interface Candidate {
  entry: MailboxEntry;
  /** Its sequence number. */
  number: number;
  message: StoredMessage | undefined;
  /** Answers of the keys that need the content. */
  content: ReadonlyMap<SearchKey, boolean> | undefined;
}

/** A condition on texts, made ready: folded, and with the words to look for when they need fit only nearly. */
export type TextKey = Extract<SearchKey, { readonly key: 'header' | 'body' | 'text' }> & {
  readonly fuzzy?: FuzzyQuery;
};

/** A program made ready: all its texts are `TextKey`s, and `fuzzy` stands at them alone. */
export function foldProgram(program: SearchKey, isFuzzy = false): SearchKey {
  switch (program.key) {
    case 'and':
      return { key: 'and', keys: program.keys.map((key) => foldProgram(key, isFuzzy)) };
    case 'or':
      return {
        key: 'or',
        left: foldProgram(program.left, isFuzzy),
        right: foldProgram(program.right, isFuzzy),
      };
    case 'not':
      return { key: 'not', of: foldProgram(program.of, isFuzzy) };
    case 'fuzzy':
      return foldProgram(program.of, true);
    case 'header':
    case 'body':
    case 'text':
      return foldKey(program, isFuzzy);
    default:
      return program;
  }
}

function foldKey(key: TextKey, isFuzzy: boolean): TextKey {
  const text = foldText(key.text);
  return isFuzzy && text !== '' ? { ...key, text, fuzzy: new FuzzyQuery(text) } : { ...key, text };
}

/** Whether the candidate fits; `undefined` when what is known does not tell. */
export function matchMessage(key: SearchKey, of: Candidate, context: SearchContext): boolean | undefined {
  switch (key.key) {
    case 'all':
    case 'save-date-supported':
      return true;
    case 'recent':
      return context.recent.has(of.entry.uid);
    case 'and':
      return matchAll(key.keys, of, context);
    case 'or':
      return matchEither(key.left, key.right, of, context);
    case 'not': {
      const inner = matchMessage(key.of, of, context);
      return inner === undefined ? undefined : !inner;
    }
    case 'fuzzy':
      return matchMessage(key.of, of, context);
    case 'sequence':
    case 'uid':
      return matchSet(key.set, key.key, of, context);
    case 'header':
      return of.content?.get(key) ?? matchEnvelope(key, of.message);
    case 'body':
    case 'text':
      return of.content?.get(key);
    case 'date':
      return matchDate(key, of);
    default:
      return matchEntry(key, of.entry, context);
  }
}

type EntryKey = Extract<
  SearchKey,
  {
    readonly key:
      | 'flag'
      | 'larger'
      | 'smaller'
      | 'older'
      | 'younger'
      | 'uid-after'
      | 'uid-before'
      | 'mod-seq'
      | 'email-id'
      | 'thread-id';
  }
>;

function matchEntry(key: EntryKey, entry: MailboxEntry, context: SearchContext): boolean {
  switch (key.key) {
    case 'flag':
      return hasFlag(entry, key.flag) === key.isSet;
    case 'larger':
      return entry.sizeBytes > key.sizeOctets;
    case 'smaller':
      return entry.sizeBytes < key.sizeOctets;
    // RFC 5032: relative to now, by INTERNALDATE.
    case 'older':
      return entry.internalDateMs <= context.nowMs - key.seconds * 1000;
    case 'younger':
      return entry.internalDateMs >= context.nowMs - key.seconds * 1000;
    case 'uid-after':
      return entry.uid > key.uid;
    case 'uid-before':
      return entry.uid < key.uid;
    case 'mod-seq':
      return entry.modSeq >= key.modSeq;
    case 'email-id':
      return entry.messageId === key.id;
    case 'thread-id':
      return entry.threadId === key.id;
  }
}

function matchAll(keys: readonly SearchKey[], of: Candidate, context: SearchContext): boolean | undefined {
  let isKnown = true;
  for (const key of keys) {
    const fits = matchMessage(key, of, context);
    if (fits === false) return false;
    if (fits === undefined) isKnown = false;
  }
  return isKnown ? true : undefined;
}

function matchEither(
  left: SearchKey,
  right: SearchKey,
  of: Candidate,
  context: SearchContext,
): boolean | undefined {
  const first = matchMessage(left, of, context);
  if (first === true) return true;
  const second = matchMessage(right, of, context);
  if (second === true) return true;
  return first === undefined || second === undefined ? undefined : false;
}

function matchSet(set: MessageSet, kind: 'sequence' | 'uid', of: Candidate, context: SearchContext): boolean {
  if (set.kind === 'saved') return context.saved.has(of.entry.uid);
  return kind === 'uid'
    ? isInRanges(set.ranges, of.entry.uid, context.lastUid)
    : isInRanges(set.ranges, of.number, context.count);
}

function hasFlag(entry: MailboxEntry, flag: string): boolean {
  if (entry.flags.includes(flag)) return true;
  if (flag.startsWith('\\')) return false;
  const folded = flag.toLowerCase();
  return entry.flags.some((other) => other.toLowerCase() === folded);
}

/** Dates are compared by day, without time and zone (RFC 9051 section 6.4.4). */
function matchDate(key: Extract<SearchKey, { readonly key: 'date' }>, of: Candidate): boolean | undefined {
  const day = dayOfCandidate(key.of, of);
  if (day === undefined) return undefined;
  if (key.is === 'before') return day < key.day;
  return key.is === 'on' ? day === key.day : day >= key.day;
}

function dayOfCandidate(
  of: 'internal' | 'sent' | 'saved',
  { entry, message }: Candidate,
): number | undefined {
  if (of === 'internal') return dayOf(entry.internalDateMs);
  if (of === 'saved') return dayOf(entry.savedAtMs);
  if (message === undefined) return undefined;
  const date = message.envelope.date === null ? undefined : parseHeaderDate(message.envelope.date);
  // RFC 5256 section 2.2: without a Date that can be read, INTERNALDATE stands in.
  return date?.day ?? dayOf(entry.internalDateMs);
}

/** Header fields that the envelope holds; the others need the content. */
function matchEnvelope(
  key: TextKey & { readonly key: 'header' },
  message: StoredMessage | undefined,
): boolean | undefined {
  if (message === undefined || !isEnvelopeField(key.field)) return undefined;
  const text = envelopeText(message.envelope, key.field);
  if (text === null) return false;
  if (key.fuzzy !== undefined) return key.fuzzy.score(text) > 0;
  return key.text === '' || text.includes(key.text);
}

/** How well a fuzzy text fits the envelope; `undefined` when the content must tell. */
export function envelopeScore(key: TextKey, { envelope }: StoredMessage): number | undefined {
  if (key.key !== 'header' || !isEnvelopeField(key.field)) return undefined;
  return key.fuzzy?.score(envelopeText(envelope, key.field) ?? '') ?? 0;
}

type EnvelopeField = 'from' | 'to' | 'cc' | 'bcc' | 'subject' | 'message-id' | 'in-reply-to';

const envelopeFields: ReadonlySet<string> = new Set<EnvelopeField>([
  'from',
  'to',
  'cc',
  'bcc',
  'subject',
  'message-id',
  'in-reply-to',
]);

/** Whether the envelope holds a header field. */
export function isEnvelopeField(field: string): field is EnvelopeField {
  return envelopeFields.has(field);
}

/** Folded texts of envelopes, kept as long as the store keeps the envelope. */
const folded = new WeakMap<MessageEnvelope, Map<EnvelopeField, string | null>>();

function envelopeText(envelope: MessageEnvelope, field: EnvelopeField): string | null {
  let texts = folded.get(envelope);
  if (texts === undefined) {
    texts = new Map();
    folded.set(envelope, texts);
  }
  let text = texts.get(field);
  if (text === undefined) {
    const raw = rawText(envelope, field);
    text = raw === null ? null : foldText(decodeHeaderValue(raw));
    texts.set(field, text);
  }
  return text;
}

function rawText(envelope: MessageEnvelope, field: EnvelopeField): string | null {
  switch (field) {
    case 'subject':
      return envelope.subject;
    case 'message-id':
      return envelope.messageId;
    case 'in-reply-to':
      return envelope.inReplyTo;
    default:
      return addressText(envelope[field]);
  }
}

function addressText(addresses: readonly EnvelopeAddress[] | null): string | null {
  if (addresses === null) return null;
  return addresses
    .map(({ name, mailbox, host }) => {
      const address = host === null ? (mailbox ?? '') : `${mailbox ?? ''}@${host}`;
      return name === null ? address : `${name} <${address}>`;
    })
    .join(', ');
}
