/** The `expand` hook: recipients that stand for others are replaced by them. */
import { addressKey, type EnvelopeRecipient, formatAddress } from '@postroad/core';
import type { LocalAddresses, Target } from './local-addresses.js';

/**
 * Replaces aliases, and removes duplicates over the whole message; the first one's parameters stay. A recipient behind
 * whom there is nobody any more stays as it is: `route` refuses it, and its sender is told.
 *
 * RFC 3461 section 5.2.7, kept simple: NOTIFY is handed on to each new recipient as it was, so the sender hears from
 * each; ORCPT is handed on, or becomes the address that was expanded.
 */
export async function expandRecipients(
  recipients: readonly EnvelopeRecipient[],
  addresses: LocalAddresses,
): Promise<readonly EnvelopeRecipient[]> {
  const expanded = new Map<string, EnvelopeRecipient>();
  for (const recipient of recipients) {
    const targets = addresses.isLocal(recipient.address) ? await addresses.resolve(recipient.address) : [];
    const replaced = targets.length === 0 ? [recipient] : targets.map((target) => replace(recipient, target));
    for (const one of replaced) {
      const key = addressKey(one.address);
      if (!expanded.has(key)) expanded.set(key, one);
    }
  }
  return [...expanded.values()];
}

function replace(recipient: EnvelopeRecipient, target: Target): EnvelopeRecipient {
  if (addressKey(target.address) === addressKey(recipient.address)) return recipient;
  const type = /^[\x20-\x7e]*$/.test(recipient.address.localPart + recipient.address.domain)
    ? 'rfc822'
    : 'utf-8';
  const orcpt = recipient.orcpt ?? `${type};${formatAddress(recipient.address)}`;
  return { ...recipient, address: target.address, orcpt };
}
