/** The structure of a message as IMAP and JMAP need it: parsed once when the message is stored. Serialisable. */

/** An address of an Envelope (RFC 3501 section 7.4.2); a group is told by entries with `host` null. Raw, as in the header. */
export interface EnvelopeAddress {
  readonly name: string | null;
  readonly route: string | null;
  readonly mailbox: string | null;
  readonly host: string | null;
}

/** The IMAP ENVELOPE (RFC 3501 section 7.4.2). Strings are the unfolded field values, not decoded (RFC 2047 words stay). */
export interface MessageEnvelope {
  readonly date: string | null;
  readonly subject: string | null;
  readonly from: readonly EnvelopeAddress[] | null;
  readonly sender: readonly EnvelopeAddress[] | null;
  readonly replyTo: readonly EnvelopeAddress[] | null;
  readonly to: readonly EnvelopeAddress[] | null;
  readonly cc: readonly EnvelopeAddress[] | null;
  readonly bcc: readonly EnvelopeAddress[] | null;
  readonly inReplyTo: string | null;
  readonly messageId: string | null;
}

/** A parameter of Content-Type or Content-Disposition; names lower case, values raw. */
export type MimeParameters = readonly (readonly [name: string, value: string])[];

/** A MIME entity (RFC 2045) with its place in the message. All offsets are octets from the start of the content. */
export interface MimePart {
  /** Lower case; `text/plain` by default, `message/rfc822` by default inside multipart/digest. */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: MimeParameters;
  readonly id: string | null;
  readonly description: string | null;
  /** Lower case; `7bit` when not said. */
  readonly encoding: string;
  readonly md5: string | null;
  readonly disposition: { readonly value: string; readonly parameters: MimeParameters } | null;
  readonly language: readonly string[] | null;
  readonly location: string | null;
  /** Where this entity's header section starts and where it ends (behind the empty line). */
  readonly headerStart: number;
  readonly bodyStart: number;
  /** Where its body ends; the line break before a boundary belongs to the boundary (RFC 2046 section 5.1.1). */
  readonly bodyEnd: number;
  /** Number of lines in the body. */
  readonly lines: number;
  /** For multipart: the parts. */
  readonly children: readonly MimePart[];
  /** For message/rfc822 and message/global: the message inside. */
  readonly message: { readonly envelope: MessageEnvelope; readonly structure: MimePart } | null;
}

/** What is parsed of a message on arrival. */
export interface MessageStructure {
  readonly envelope: MessageEnvelope;
  readonly structure: MimePart;
}
