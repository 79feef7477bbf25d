/** Who writes to whom from where, as the greylist remembers it. */
import { createHash } from 'node:crypto';
import { addressKey, formatReversePath, type MailAddress, type ReversePath } from '@postroad/core';

/** A key of bounded length for a triplet. What changes from message to message in a sender's address is left out. */
export function tripletKey(network: string, sender: ReversePath, recipient: MailAddress): string {
  const text = `${network}\n${senderKey(sender)}\n${addressKey(recipient)}`;
  return `check-greylist:triplet:${createHash('sha256').update(text).digest('base64url')}`;
}

/** Under which a network that has proved itself is remembered. */
export function networkKey(network: string): string {
  return `check-greylist:network:${network}`;
}

/** Numbers and sub-addresses of lists that send each message from an address of its own (VERP, BATV) are one sender. */
export function senderKey(sender: ReversePath): string {
  if (sender === null) return formatReversePath(sender);
  const local = sender.localPart
    .replace(/^(?:prvs|btv1)=[^=]*=+/i, '')
    .replace(/[+=].*$/, '')
    .replace(/[0-9a-f]{8,}|\d+/gi, '#');
  return addressKey({ localPart: local, domain: sender.domain });
}
