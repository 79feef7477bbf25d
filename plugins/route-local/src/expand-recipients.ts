/** The `expand` hook: recipients that stand for others are replaced by them. */
import {
  addressKey,
  type EnvelopeRecipient,
  formatAddress,
  isThenable,
  type MaybePromise,
} from '@postroad/core';
import type { LocalAddresses, Target } from './local-addresses.js';

/**
 * Replaces aliases, and removes duplicates over the whole message; the first one's parameters stay. A recipient behind
 * whom there is nobody any more stays as it is: `route` refuses it, and its sender is told.
 *
 * RFC 3461 section 5.2.7, kept simple: NOTIFY is handed on to each new recipient as it was, so the sender hears from
 * each; ORCPT is handed on, or becomes the address that was expanded.
 */
export function expandRecipients(
  recipients: readonly EnvelopeRecipient[],
  addresses: LocalAddresses,
): MaybePromise<readonly EnvelopeRecipient[]> {
  const expanded = new Map<string, EnvelopeRecipient>();
  for (let at = 0; at < recipients.length; at++) {
    const recipient = recipients[at] as EnvelopeRecipient;
    const targets = targetsOf(recipient, addresses);
    if (isThenable(targets)) return expandRest(recipients, at, targets, expanded, addresses);
    add(expanded, recipient, targets);
  }
  return [...expanded.values()];
}

/** From the first recipient on who had to be asked about; one after another, so that a directory has one question at a time. */
async function expandRest(
  recipients: readonly EnvelopeRecipient[],
  from: number,
  pending: Promise<readonly Target[]>,
  expanded: Map<string, EnvelopeRecipient>,
  addresses: LocalAddresses,
): Promise<readonly EnvelopeRecipient[]> {
  for (let at = from; at < recipients.length; at++) {
    const recipient = recipients[at] as EnvelopeRecipient;
    add(expanded, recipient, await (at === from ? pending : targetsOf(recipient, addresses)));
  }
  return [...expanded.values()];
}

const nobody: readonly Target[] = [];

function targetsOf(
  { address }: EnvelopeRecipient,
  addresses: LocalAddresses,
): MaybePromise<readonly Target[]> {
  return addresses.isLocal(address) ? addresses.resolve(address) : nobody;
}

function add(
  expanded: Map<string, EnvelopeRecipient>,
  recipient: EnvelopeRecipient,
  targets: readonly Target[],
): void {
  const replaced = targets.length === 0 ? [recipient] : targets.map((target) => replace(recipient, target));
  for (const one of replaced) {
    const key = addressKey(one.address);
    if (!expanded.has(key)) expanded.set(key, one);
  }
}

function replace(recipient: EnvelopeRecipient, target: Target): EnvelopeRecipient {
  if (addressKey(target.address) === addressKey(recipient.address)) return recipient;
  const type = /^[\x20-\x7e]*$/.test(recipient.address.localPart + recipient.address.domain)
    ? 'rfc822'
    : 'utf-8';
  const orcpt = recipient.orcpt ?? `${type};${formatAddress(recipient.address)}`;
  return { ...recipient, address: target.address, orcpt };
}
