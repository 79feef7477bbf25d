/** What filters have changed of one message so far, one after another: the next one sees the result. */
import {
  type Body,
  type EnvelopeRecipient,
  editHeader,
  type HeaderEdit,
  headerField,
  isSameAddress,
  type MailAddress,
  type NewHeaderField,
  parseAddress,
  parseHeader,
  parseRecipient,
  type ReversePath,
} from '@postroad/core';
import { wrong } from './wire.js';

/** The changes. Made by the session, read by the plugin. */
export class Changes {
  readonly original: Body;
  recipients: readonly EnvelopeRecipient[];
  hasOtherRecipients = false;
  reversePath: ReversePath | undefined;
  quarantine: string | undefined;
  /** The content that a filter has written; its header section is the original one. */
  content: Body | undefined;
  readonly edits: HeaderEdit[] = [];

  constructor(original: Body, recipients: readonly EnvelopeRecipient[]) {
    this.original = original;
    this.recipients = recipients;
  }

  /** The header section as it is now. */
  get headerBytes(): Uint8Array {
    return this.edits.length === 0
      ? this.original.headerBytes
      : editHeader(this.original.headerBytes, this.edits);
  }

  /** The octets behind the header section, as they are now. */
  openContent(): AsyncIterable<Uint8Array> {
    const body = this.content ?? this.original;
    return body.open({ start: body.headerSizeBytes, end: body.sizeBytes });
  }

  addHeader(name: string, value: string): void {
    this.#edit({ kind: 'append', field: fieldOf(name, value) });
  }

  /**
   * A filter counts the field of this server's own Received as the first, which is written later: 0 and 1 are both the
   * top of what was received.
   */
  insertHeader(index: number, name: string, value: string): void {
    this.#edit({ kind: 'insert', index: Math.max(0, index - 1), field: fieldOf(name, value) });
  }

  /** Replaces an occurrence, counted from 1; without a value it goes, and where there is none it is added. */
  changeHeader(occurrence: number, name: string, value: string): void {
    const at = Math.max(1, occurrence);
    if (value === '') {
      this.#edit({ kind: 'remove', name, occurrence: at });
      return;
    }
    const field = fieldOf(name, value);
    const isThere = parseHeader(this.headerBytes).all(name).length >= at;
    this.#edit(isThere ? { kind: 'replace', occurrence: at, field } : { kind: 'append', field });
  }

  /** `parameters` as RCPT has them, such as `NOTIFY=NEVER`. */
  addRecipient(text: string, parameters = ''): void {
    const added = parseRecipient(addressOf(text), parameters);
    if (added === undefined) throw wrong('a recipient with parameters that are none');
    if (this.recipients.some((recipient) => isSameAddress(recipient.address, added.address))) return;
    this.recipients = [...this.recipients, added];
    this.hasOtherRecipients = true;
  }

  deleteRecipient(text: string): void {
    const address = addressOf(text);
    this.recipients = this.recipients.filter((recipient) => !isSameAddress(recipient.address, address));
    this.hasOtherRecipients = true;
  }

  changeFrom(text: string): void {
    this.reversePath = text === '' || text === '<>' ? null : addressOf(text);
  }

  #edit(edit: HeaderEdit): void {
    if (this.edits.length >= 10_000) throw wrong('too many changes of the header');
    this.edits.push(edit);
  }
}

/** Line ends inside of a value are folding (RFC 5322 section 2.2.3); one space behind the colon is written anyway. */
function fieldOf(name: string, value: string): NewHeaderField {
  const folded = value
    .replace(/^ /, '')
    .trimEnd()
    .replace(/\r?\n([ \t]?)/g, (_end, blank: string) => `\r\n${blank === '' ? '\t' : blank}`);
  return headerField(name, folded);
}

function addressOf(text: string): MailAddress {
  const address = parseAddress(text.replace(/^<(.*)>$/, '$1'));
  if (address === undefined) throw wrong('a recipient or sender that is no address');
  return address;
}
