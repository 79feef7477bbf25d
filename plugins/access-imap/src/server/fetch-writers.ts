/** FETCH items as functions: what needs only the mailbox entry, and what needs the parsed message. */
import type { MailboxEntry, MessageEnvelope, MimePart, StoredMessage } from '@postroad/core';
import {
  type FetchItem,
  formatDateTime,
  type StringOptions,
  writeBodyStructure,
  writeEnvelope,
} from '../protocol/index.js';

/** Writes one item of an entry as octets. */
export type EntryWriter = (entry: MailboxEntry) => string;

/** Writes one item of a message as octets. */
export type MessageWriter = (message: StoredMessage) => string;

/** The writer of an item that needs only the entry; `undefined` when it needs more. */
export function entryWriter(item: FetchItem): EntryWriter | undefined {
  switch (item.item) {
    case 'flags':
      return flagWriter();
    case 'uid':
      return (entry) => `UID ${entry.uid}`;
    case 'internal-date':
      return (entry) => `INTERNALDATE ${formatDateTime(entry.internalDateMs)}`;
    case 'size':
      return (entry) => `RFC822.SIZE ${entry.sizeBytes}`;
    case 'mod-seq':
      return (entry) => `MODSEQ (${entry.modSeq})`;
    case 'email-id':
      return (entry) => `EMAILID (${entry.messageId})`;
    case 'thread-id':
      return (entry) => `THREADID (${entry.threadId})`;
    case 'save-date':
      return (entry) => `SAVEDATE ${formatDateTime(entry.savedAtMs)}`;
    default:
      return undefined;
  }
}

/** The writer of an item that needs the parsed message; `undefined` when it needs the octets. */
export function messageWriter(item: FetchItem, options: StringOptions): MessageWriter | undefined {
  switch (item.item) {
    case 'envelope':
      return (message) => `ENVELOPE ${envelopes.get(message.envelope, options)}`;
    case 'body':
      return (message) => `BODY ${structures.get(message.structure, options)}`;
    case 'body-structure':
      return (message) => `BODYSTRUCTURE ${extendedStructures.get(message.structure, options)}`;
    default:
      return undefined;
  }
}

/** Flags of neighbouring messages are often the same array: its text is made once. */
function flagWriter(): EntryWriter {
  let last: readonly string[] = [];
  let text = 'FLAGS ()';
  return (entry) => {
    if (entry.flags !== last) {
      last = entry.flags;
      text = `FLAGS (${last.join(' ')})`;
    }
    return text;
  };
}

/** Texts that belong to immutable values, kept as long as the store keeps the value itself. */
class TextCache<T extends object> {
  readonly #ascii = new WeakMap<T, string>();
  readonly #utf8 = new WeakMap<T, string>();
  readonly #write: (value: T, options: StringOptions) => string;

  constructor(write: (value: T, options: StringOptions) => string) {
    this.#write = write;
  }

  get(value: T, options: StringOptions): string {
    const texts = options.isUtf8 ? this.#utf8 : this.#ascii;
    let text = texts.get(value);
    if (text === undefined) {
      // Put together from many pieces; written out once, so that they are not gathered anew each time it is sent.
      text = Buffer.from(this.#write(value, options), 'latin1').toString('latin1');
      texts.set(value, text);
    }
    return text;
  }
}

const envelopes = new TextCache<MessageEnvelope>(writeEnvelope);
const structures = new TextCache<MimePart>((part, options) => writeBodyStructure(part, false, options));
const extendedStructures = new TextCache<MimePart>((part, options) =>
  writeBodyStructure(part, true, options),
);
