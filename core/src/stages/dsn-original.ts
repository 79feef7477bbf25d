/** The last part of a DSN: the message it is about, whole or only its header (RFC 3461 section 4.3). */
import { readBody } from '../body/body.js';
import type { QueuedMessage } from '../services/queue-store.js';
import type { HeaderSection } from '../values/header.js';
import { encodeQuotedPrintable, isAscii } from './dsn-encoding.js';

/** How the original is given back. */
export interface OriginalOptions {
  /** Whether this kind of DSN gives back the whole message: only the one about a failure. */
  readonly isWhole: boolean;
  readonly isInternational: boolean;
  readonly copyOctetsMax: number;
}

/** Of a longer header only the beginning comes back. */
const headerOctetsMax = 32_768;

/** The media type of a message, lower case; `text/plain` when it does not say (RFC 2045 section 5.2). */
export function mediaTypeOf(header: HeaderSection): string {
  return (header.get('Content-Type') ?? 'text/plain').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** The part with its header. */
export async function originalPart(message: QueuedMessage, options: OriginalOptions): Promise<Buffer> {
  const sizeBytes = message.headerPrefix.length + message.body.sizeBytes;
  const isWhole =
    options.isWhole &&
    message.parameters.ret !== 'hdrs' &&
    // A binary body has lines that no DSN can carry.
    message.parameters.bodyType !== 'binarymime' &&
    sizeBytes <= options.copyOctetsMax;
  return isWhole ? await wholeMessage(message, options) : headerOnly(message, options);
}

async function wholeMessage(message: QueuedMessage, options: OriginalOptions): Promise<Buffer> {
  const content = Buffer.concat([
    Buffer.from(message.headerPrefix),
    await readBody(message.body, options.copyOctetsMax),
  ]);
  // RFC 2046 section 5.2.1: a message within a message may not be encoded, only declared.
  const encoding = isAscii(content) ? '7bit' : '8bit';
  const type = options.isInternational ? 'message/global' : 'message/rfc822';
  return Buffer.concat([partHeader(type, encoding), content]);
}

function headerOnly(message: QueuedMessage, options: OriginalOptions): Buffer {
  const header = Buffer.concat([Buffer.from(message.headerPrefix), message.body.headerBytes]);
  const content = wholeFields(header);
  if (options.isInternational) return Buffer.concat([partHeader('message/global-headers', '8bit'), content]);
  if (isAscii(content)) return Buffer.concat([partHeader('text/rfc822-headers', '7bit'), content]);
  return Buffer.concat([
    partHeader('text/rfc822-headers', 'quoted-printable'),
    Buffer.from(encodeQuotedPrintable(content)),
  ]);
}

/** The beginning of a header section, cut behind a field. */
function wholeFields(header: Buffer): Buffer {
  if (header.length <= headerOctetsMax) return header;
  const end = header.lastIndexOf('\r\n', headerOctetsMax - 2);
  return header.subarray(0, end < 0 ? headerOctetsMax : end + 2);
}

function partHeader(type: string, encoding: string): Buffer {
  return Buffer.from(`Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`);
}
