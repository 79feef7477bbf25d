/** The content that a server gets: as it is queued, or converted where the server takes seven bits only. */
import { type Conversion, planConversion, type QueuedMessage, type Resigner } from '@postroad/core';
import type { Capabilities } from './client/capabilities.js';
import { type Content, contentOf } from './client/content.js';

/** What to do with bodies that a server does not take as they are. */
export type EightBitPolicy = 'refuse' | 'send' | 'convert' | 'convert-signed';

/** The contents of one message. */
export interface Contents {
  /** What to send to a server that offers this; it may be more than the server takes, when it can't be converted. */
  for(offered: Capabilities): Promise<Content>;
}

const inlineOctetsMax = 65_536;

/** Converts on demand, once. What is signed by ourselves is signed anew then, where there is somebody who does so. */
export function contentsOf(message: QueuedMessage, policy: EightBitPolicy, resigner?: Resigner): Contents {
  const own = contentOf(message);
  let converted: Promise<Content | undefined> | undefined;
  return {
    async for(offered) {
      if (own.hasUtf8Header || !needsConversion(own, offered)) return own;
      if (policy !== 'convert-signed' && policy !== 'convert') return own;
      converted ??= convert(message, own, policy, resigner);
      return (await converted) ?? own;
    },
  };
}

function needsConversion(content: Content, offered: Capabilities): boolean {
  if (content.isBinary) return !(offered.has('BINARYMIME') && offered.has('CHUNKING'));
  return content.has8bit && !offered.has('8BITMIME');
}

async function convert(
  message: QueuedMessage,
  own: Content,
  policy: 'convert' | 'convert-signed',
  resigner: Resigner | undefined,
): Promise<Content | undefined> {
  const signed = signaturesOf(message);
  const isMendable = signed === 'none' || (signed === 'prefix' && resigner !== undefined);
  if (policy === 'convert' && !isMendable) return undefined;
  const conversion = await planConversion(message.body);
  if (conversion === undefined) return undefined;
  const prefix = signed === 'prefix' ? await prefixOf(message, conversion, resigner) : own.prefix;
  if (prefix === undefined && policy === 'convert') return undefined;
  const { sizeBytes } = conversion;
  // As small as what is held in memory anyway: it then goes in one write with its envelope.
  const inline = sizeBytes > inlineOctetsMax ? undefined : await collect(conversion.open());
  const { length } = prefix ?? own.prefix;
  return {
    ...own,
    prefix: prefix ?? own.prefix,
    body: { inline, open: () => conversion.open() },
    sizeBytes: length + sizeBytes,
    has8bit: false,
    isBinary: false,
  };
}

/** Our fields with signatures that hold for what is sent; `undefined` when they are not ours to renew. */
async function prefixOf(
  message: QueuedMessage,
  conversion: Conversion,
  resigner: Resigner | undefined,
): Promise<Buffer | undefined> {
  const { headerPrefix } = message;
  const { headerSizeBytes } = conversion;
  const header = await collect(cut(conversion.open(), 0, headerSizeBytes));
  const content = (): AsyncIterable<Uint8Array> => cut(conversion.open(), headerSizeBytes);
  const renewed = await resigner?.resign({ headerPrefix, header, content });
  return renewed === undefined ? undefined : Buffer.from(renewed);
}

/** The octets from `start` up to, not including, `end`. */
async function* cut(
  stream: AsyncIterable<Uint8Array>,
  start: number,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const piece of stream) {
    const [from, to] = [Math.max(0, start - at), Math.min(piece.length, end - at)];
    if (from < to) yield piece.subarray(from, to);
    at += piece.length;
    if (at >= end) return;
  }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/**
 * RFC 6376 section 5.3: whoever signs expects that nobody converts it. `prefix`: only fields that we put in front are
 * signatures of DKIM. `message`: there are others, which nobody here can make anew.
 */
function signaturesOf({ headerPrefix, body }: QueuedMessage): 'none' | 'prefix' | 'message' {
  const isOthers =
    /^arc-message-signature[ \t]*:/im.test(headerPrefix) ||
    body.header.get('DKIM-Signature') !== undefined ||
    body.header.get('ARC-Message-Signature') !== undefined;
  if (isOthers) return 'message';
  return /^dkim-signature[ \t]*:/im.test(headerPrefix) ? 'prefix' : 'none';
}
