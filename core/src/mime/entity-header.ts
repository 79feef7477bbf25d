/** What the structure of a message needs from the header section of an entity. Never fails. */
import { isUtf8 } from 'node:buffer';
import { parseAddressList } from './address-list.js';
import { parseParameterValue } from './parameters.js';
import type { EnvelopeAddress, MessageEnvelope, MimeParameters } from './structure.js';

/** The MIME fields of an entity (RFC 2045 section 3) with their defaults. */
export interface EntityFacts {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: MimeParameters;
  readonly id: string | null;
  readonly description: string | null;
  readonly encoding: string;
  readonly md5: string | null;
  readonly disposition: { readonly value: string; readonly parameters: MimeParameters } | null;
  readonly language: readonly string[] | null;
  readonly location: string | null;
}

/** The fields that are kept of a header section, by lower-case name; repeated address fields are joined. */
export type EntityFields = ReadonlyMap<string, string>;

const addressFields = new Set(['from', 'sender', 'reply-to', 'to', 'cc', 'bcc']);
const wantedFields = new Set([
  ...addressFields,
  'date',
  'subject',
  'in-reply-to',
  'message-id',
  'references',
  'content-type',
  'content-transfer-encoding',
  'content-id',
  'content-description',
  'content-disposition',
  'content-language',
  'content-location',
  'content-md5',
]);
const longestWanted = 25;

/** The kept fields of a raw header section. */
export function readEntityFields(header: Buffer): EntityFields {
  const text = decodeHeader(header);
  const fields = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    const end = endOfField(text, at);
    const colon = text.indexOf(':', at);
    if (colon > at && colon < end && colon - at <= longestWanted) {
      addField(fields, text.slice(at, colon).trimEnd().toLowerCase(), text, colon + 1, end);
    }
    at = end;
  }
  return fields;
}

/** The MIME facts of an entity; `isInDigest` changes the default type (RFC 2046 section 5.1.5). */
export function readEntityFacts(fields: EntityFields, isInDigest: boolean): EntityFacts {
  const disposition = fields.get('content-disposition');
  const language = fields.get('content-language');
  const { type, subtype, parameters } = readContentType(fields.get('content-type'), isInDigest);
  return {
    type,
    subtype,
    parameters,
    id: fields.get('content-id') ?? null,
    description: fields.get('content-description') ?? null,
    encoding: readEncoding(fields.get('content-transfer-encoding')),
    md5: fields.get('content-md5') ?? null,
    disposition: disposition === undefined ? null : readDisposition(disposition),
    language: language === undefined ? null : readLanguages(language),
    location: fields.get('content-location') ?? null,
  };
}

/** The IMAP envelope. Sender and Reply-To default to From (RFC 3501 section 7.4.2). */
export function readEnvelope(fields: EntityFields): MessageEnvelope {
  const addresses = (name: string): readonly EnvelopeAddress[] | null => {
    const value = fields.get(name);
    return value === undefined ? null : parseAddressList(value);
  };
  const from = addresses('from');
  return {
    date: fields.get('date') ?? null,
    subject: fields.get('subject') ?? null,
    from,
    sender: addresses('sender') ?? from,
    replyTo: addresses('reply-to') ?? from,
    to: addresses('to'),
    cc: addresses('cc'),
    bcc: addresses('bcc'),
    inReplyTo: fields.get('in-reply-to') ?? null,
    messageId: fields.get('message-id') ?? null,
  };
}

/** UTF-8 where it is UTF-8 (RFC 6532), otherwise each octet as a character, so that nothing is lost. */
function decodeHeader(header: Buffer): string {
  return header.toString(isUtf8(header) ? 'utf8' : 'latin1');
}

function endOfField(text: string, start: number): number {
  let at = start;
  for (;;) {
    const newline = text.indexOf('\n', at);
    if (newline < 0) return text.length;
    const next = text.charCodeAt(newline + 1);
    if (next !== 0x20 && next !== 0x09) return newline + 1;
    at = newline + 1;
  }
}

function addField(fields: Map<string, string>, name: string, text: string, start: number, end: number): void {
  if (!wantedFields.has(name)) return;
  const known = fields.get(name);
  if (known !== undefined && !addressFields.has(name)) return;
  const value = unfold(text.slice(start, end));
  fields.set(name, known === undefined ? value : `${known}, ${value}`);
}

/** RFC 5322 section 2.2.3. NUL and bare line breaks can't be said in IMAP: they become blanks. */
function unfold(raw: string): string {
  const value = raw.trim();
  if (!/[\r\n\0]/.test(value)) return value;
  return value.replace(/\r?\n(?=[ \t])/g, '').replace(/[\r\n\0]/g, ' ');
}

const tokenPattern = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,127}$/;
const plainText = { type: 'text', subtype: 'plain', parameters: [['charset', 'us-ascii']] } as const;

function readContentType(
  value: string | undefined,
  isInDigest: boolean,
): Pick<EntityFacts, 'type' | 'subtype' | 'parameters'> {
  if (value === undefined) {
    return isInDigest ? { type: 'message', subtype: 'rfc822', parameters: [] } : plainText;
  }
  const { value: both, parameters } = parseParameterValue(value);
  const slash = both.indexOf('/');
  const type = both.slice(0, Math.max(slash, 0)).trim().toLowerCase();
  // `text/html charset=x` lacks its semicolon: the subtype ends at the blank.
  const subtype = (
    both
      .slice(slash + 1)
      .trim()
      .split(/[ \t]/, 1)[0] as string
  ).toLowerCase();
  // RFC 2045 section 5.2: what can't be understood is plain text.
  if (!tokenPattern.test(type) || !tokenPattern.test(subtype)) return plainText;
  return { type, subtype, parameters };
}

function readEncoding(value: string | undefined): string {
  const encoding = value === undefined ? '' : parseParameterValue(value).value.toLowerCase();
  return tokenPattern.test(encoding) ? encoding : '7bit';
}

function readDisposition(value: string): EntityFacts['disposition'] {
  const disposition = parseParameterValue(value);
  const kind = disposition.value.toLowerCase();
  return tokenPattern.test(kind) ? { value: kind, parameters: disposition.parameters } : null;
}

const languagesMax = 100;

/** RFC 3282. */
function readLanguages(value: string): readonly string[] | null {
  const tags = value
    .split(',', languagesMax)
    .map((tag) => tag.trim())
    .filter((tag) => tokenPattern.test(tag));
  return tags.length === 0 ? null : tags;
}
