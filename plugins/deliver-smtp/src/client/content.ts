/** What is sent in DATA: the header fields of ours, then the message. */
import type { Body, QueuedMessage } from '@postroad/core';

/** The content with what must be known before it is offered. */
export interface Content {
  readonly prefix: Buffer;
  readonly body: Pick<Body, 'inline' | 'open'>;
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  /** Lines may be of any octets: only BDAT can carry it (RFC 3030 section 3). */
  readonly isBinary: boolean;
  /** Whether the header section is in UTF-8 (RFC 6532). */
  readonly hasUtf8Header: boolean;
}

/** The content of a queued message. */
export function contentOf(message: QueuedMessage): Content {
  const prefix = Buffer.from(message.headerPrefix);
  const isPrefixAscii = prefix.length === message.headerPrefix.length;
  return {
    prefix,
    body: message.body,
    sizeBytes: prefix.length + message.body.sizeBytes,
    has8bit: !isPrefixAscii || message.body.has8bit,
    isBinary: message.parameters.bodyType === 'binarymime',
    hasUtf8Header: !isPrefixAscii || (message.body.has8bit && !isAscii(message.body.headerBytes)),
  };
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 127) return false;
  return true;
}
