/** What can be told before MAIL: messages and recipients that this server can not take as they are. */
import {
  isInternationalAddress,
  type QueuedMessage,
  type QueuedRecipient,
  type Reply,
  reply,
} from '@postroad/core';
import type { EightBitPolicy } from '../converted-content.js';
import type { Capabilities } from './capabilities.js';
import { needsUtf8Address } from './commands.js';
import type { Content } from './content.js';

/** Why nothing of the message may go to this server; `undefined` when it may. */
export function refuseMessage(
  message: QueuedMessage,
  content: Content,
  offered: Capabilities,
  policy: { readonly isEncrypted: boolean; readonly eightBit: EightBitPolicy },
): Reply | undefined {
  // RFC 1870 section 6.1.
  if (offered.sizeBytesMax > 0 && content.sizeBytes > offered.sizeBytesMax)
    return reply(552, '3.4', 'the message is larger than the next server takes');
  // RFC 8689 section 4.2.1.
  if (message.parameters.requireTls && !(policy.isEncrypted && offered.has('REQUIRETLS')))
    return reply(550, '7.30', 'the next server can not promise TLS, which the sender requires');
  // RFC 3030 section 3: what could be converted has been by now.
  if (content.isBinary && !(offered.has('BINARYMIME') && offered.has('CHUNKING')))
    return reply(554, '6.3', 'the next server does not take binary bodies');
  // RFC 6152 section 3 leaves conversion and refusal.
  if (content.has8bit && !offered.has('8BITMIME') && policy.eightBit !== 'send')
    return reply(554, '6.3', 'the next server does not take eight-bit bodies');
  if (offered.has('SMTPUTF8')) return undefined;
  const sender = message.reversePath;
  // RFC 6531 section 3.4.
  if (content.hasUtf8Header && message.parameters.smtpUtf8)
    return reply(550, '6.7', 'the next server does not take UTF-8 header fields');
  if (sender !== null && needsUtf8Address(sender))
    return reply(550, '6.7', 'the next server does not take UTF-8 addresses');
  return undefined;
}

/** Why this recipient can not be named to this server. */
export function refuseRecipient(recipient: QueuedRecipient, offered: Capabilities): Reply | undefined {
  if (offered.has('SMTPUTF8') || !needsUtf8Address(recipient.address)) return undefined;
  return reply(550, '6.7', 'the next server does not take UTF-8 addresses');
}

/** Whether MAIL has to say SMTPUTF8: only when something is in UTF-8, whatever the sender declared. */
export function needsUtf8(
  message: QueuedMessage,
  content: Content,
  recipients: readonly QueuedRecipient[],
): boolean {
  if (message.parameters.smtpUtf8 && content.hasUtf8Header) return true;
  if (message.reversePath !== null && isInternationalAddress(message.reversePath)) return true;
  return recipients.some(({ address }) => isInternationalAddress(address));
}
