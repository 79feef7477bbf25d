/** What plugins have changed of a message, in Postroad's terms. */
import {
  type Body,
  type EnvelopeRecipient,
  isSameAddress,
  type MailAddress,
  parseAddress,
  type ReversePath,
  withHeaderSection,
} from '@postroad/core';
import type { HarakaAddress } from './haraka-packages.js';
import type { HarakaTransaction } from './transaction.js';

/** The content with another header section, when the list of fields was changed. Fields that stay keep their octets. */
export function changedContent(
  transaction: HarakaTransaction,
  body: Body,
  made: Body | undefined,
): Body | undefined {
  const { header, receivedHeaders } = transaction;
  const list = header.header_list;
  const isSame =
    list.length === receivedHeaders.length && list.every((text, at) => text === receivedHeaders[at]);
  if (isSame) return made;
  const received = octetsByText(body, receivedHeaders);
  const fields = list.map((text) => received.get(text) ?? Buffer.from(fieldText(text)));
  return withHeaderSection(made ?? body, Buffer.concat([...fields, Buffer.from('\r\n')]));
}

/** The octets of each field as they were received, by the text that plugins see. */
function octetsByText(body: Body, texts: readonly string[]): ReadonlyMap<string, Buffer> {
  const octets = Buffer.from(body.headerBytes);
  const found = new Map<string, Buffer>();
  // Fields in order: a field ends where a line begins without a blank.
  const raw = octets.toString('latin1').match(/[^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? [];
  for (const one of raw) {
    const bytes = Buffer.from(one, 'latin1');
    const text = bytes.toString('utf8').replace(/\r\n/g, '\n');
    if (texts.includes(text)) found.set(text, bytes);
  }
  return found;
}

/** A field that a plugin wrote: CRLF at its end, folding where it has lines. */
function fieldText(text: string): string {
  return `${text
    .trimEnd()
    .replace(/\r?\n(?![ \t])/g, '\n\t')
    .replace(/\r?\n/g, '\r\n')}\r\n`;
}

/** Another reverse-path, when a plugin put one. */
export function changedReversePath(
  transaction: HarakaTransaction,
  reversePath: ReversePath,
): ReversePath | undefined {
  const address = readAddress(transaction.mail_from);
  if (address === null) return reversePath === null ? undefined : null;
  return reversePath !== null && isSameAddress(address, reversePath) ? undefined : address;
}

/** Other recipients, when plugins put them. */
export function changedRecipients(
  transaction: HarakaTransaction,
  accepted: readonly EnvelopeRecipient[],
  recipients: readonly EnvelopeRecipient[],
): readonly EnvelopeRecipient[] | undefined {
  const wanted = transaction.rcpt_to.flatMap((one) => readAddress(one) ?? []);
  const isAmong = (list: readonly MailAddress[], address: MailAddress) =>
    list.some((one) => isSameAddress(one, address));
  const before = accepted.map(({ address }) => address);
  const gone = before.filter((address) => !isAmong(wanted, address));
  const added = wanted.filter((address) => !isAmong(before, address));
  if (gone.length === 0 && added.length === 0) return undefined;
  return [
    ...recipients.filter(({ address }) => !isAmong(gone, address)),
    ...added.map((address) => ({ address })),
  ];
}

/** The address; what is none is an error, which defers. */
function readAddress(of: HarakaAddress): MailAddress | null {
  const text = String(of.address ?? '').replace(/^<(.*)>$/, '$1');
  if (text === '') return null;
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError('a plugin of Haraka put an address that is none');
  return address;
}
