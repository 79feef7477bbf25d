/** The content that a server gets: as it is queued, or converted where the server takes seven bits only. */
import type { QueuedMessage } from '@postroad/core';
import type { Capabilities } from '../client/capabilities.js';
import { type Content, contentOf } from '../client/content.js';
import { planConversion } from './conversion.js';

/** What to do with bodies that a server does not take as they are. */
export type EightBitPolicy = 'refuse' | 'send' | 'convert' | 'convert-signed';

/** The contents of one message. */
export interface Contents {
  /** What to send to a server that offers this; it may be more than the server takes, when it can't be converted. */
  for(offered: Capabilities): Promise<Content>;
}

const inlineOctetsMax = 65_536;

/** Converts on demand, once. */
export function contentsOf(message: QueuedMessage, policy: EightBitPolicy): Contents {
  const own = contentOf(message);
  const mayConvert = policy === 'convert-signed' || (policy === 'convert' && !isSigned(message));
  let converted: Promise<Content | undefined> | undefined;
  return {
    async for(offered) {
      if (!mayConvert || own.hasUtf8Header || !needsConversion(own, offered)) return own;
      converted ??= convert(message, own);
      return (await converted) ?? own;
    },
  };
}

function needsConversion(content: Content, offered: Capabilities): boolean {
  if (content.isBinary) return !(offered.has('BINARYMIME') && offered.has('CHUNKING'));
  return content.has8bit && !offered.has('8BITMIME');
}

async function convert({ body }: QueuedMessage, own: Content): Promise<Content | undefined> {
  const conversion = await planConversion(body);
  if (conversion === undefined) return undefined;
  const { sizeBytes } = conversion;
  // As small as what is held in memory anyway: it then goes in one write with its envelope.
  const inline = sizeBytes > inlineOctetsMax ? undefined : await collect(conversion.open());
  return {
    ...own,
    body: { inline, open: () => conversion.open() },
    sizeBytes: own.prefix.length + sizeBytes,
    has8bit: false,
    isBinary: false,
  };
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** RFC 6376 section 5.3: whoever signs expects that nobody converts it. */
function isSigned({ headerPrefix, body }: QueuedMessage): boolean {
  return (
    /^(?:dkim-signature|arc-message-signature)[ \t]*:/im.test(headerPrefix) ||
    body.header.get('DKIM-Signature') !== undefined ||
    body.header.get('ARC-Message-Signature') !== undefined
  );
}
