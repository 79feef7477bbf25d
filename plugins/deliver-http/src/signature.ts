/** Proving to a web server that a request is ours and unchanged. */
import { createHash, createHmac } from 'node:crypto';
import type { QueuedMessage } from '@postroad/core';

/** SHA-256 of the content, streamed, in base64. */
export async function digestOf(message: QueuedMessage): Promise<string> {
  const hash = createHash('sha256').update(message.headerPrefix);
  for await (const chunk of message.body.open()) hash.update(chunk);
  return hash.digest('base64');
}

/**
 * `t=<seconds>,v1=<hex>`: an HMAC-SHA256 over the seconds, the envelope as it stands in its field, and the digest of
 * the content, joined by dots. The receiver refuses old seconds, so that a request can not be played again.
 */
export function signatureOf(secret: string, seconds: number, envelope: string, digest: string): string {
  const signed = createHmac('sha256', secret).update(`${seconds}.${envelope}.${digest}`).digest('hex');
  return `t=${seconds},v1=${signed}`;
}
