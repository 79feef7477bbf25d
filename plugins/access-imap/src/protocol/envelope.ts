/** Writing ENVELOPE (RFC 9051 section 7.5.2). */
import type { EnvelopeAddress, MessageEnvelope } from '@postroad/core';
import { type StringOptions, writeNString } from './write-string.js';

/** The envelope as octets. */
export function writeEnvelope(envelope: MessageEnvelope, options: StringOptions): string {
  const { from } = envelope;
  const list = (addresses: readonly EnvelopeAddress[] | null) => writeAddresses(addresses, options);
  const text = (value: string | null) => writeNString(value, options);
  return (
    `(${text(envelope.date)} ${text(envelope.subject)} ${list(from)} ` +
    // RFC 9051 section 7.5.2: Sender and Reply-To default to From.
    `${list(envelope.sender ?? from)} ${list(envelope.replyTo ?? from)} ` +
    `${list(envelope.to)} ${list(envelope.cc)} ${list(envelope.bcc)} ` +
    `${text(envelope.inReplyTo)} ${text(envelope.messageId)})`
  );
}

function writeAddresses(addresses: readonly EnvelopeAddress[] | null, options: StringOptions): string {
  if (addresses === null || addresses.length === 0) return 'NIL';
  let text = '(';
  for (const { name, route, mailbox, host } of addresses) {
    text +=
      `(${writeNString(name, options)} ${writeNString(route, options)} ` +
      `${writeNString(mailbox, options)} ${writeNString(host, options)})`;
  }
  return `${text})`;
}
