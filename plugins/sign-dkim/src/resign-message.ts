/**
 * New signatures for a message that changes on its way out: a next hop without 8BITMIME gets another body than the one
 * that was signed (RFC 6376 section 5.3). Only our own signatures are taken back, because only those can be made anew.
 */
import { type ChangedMessage, type Counter, parseHeader, renderHeaderPrefix } from '@postroad/core';
import type { KeyRing } from './key-ring.js';
import type { SignDkimConfig } from './options.js';
import { signMessage } from './sign-message.js';

/** What it is done with. */
export interface ResignOptions {
  readonly ring: KeyRing;
  readonly config: SignDkimConfig;
  readonly nowMs: number;
  readonly signed: Counter;
}

/** See `Resigner.resign`. */
export async function resignMessage(
  changed: ChangedMessage,
  { ring, config, nowMs, signed }: ResignOptions,
): Promise<string | undefined> {
  const prefix = Buffer.from(changed.headerPrefix);
  const old = parseHeader(prefix).all('dkim-signature');
  if (old.length === 0) return changed.headerPrefix;
  const domains = new Set<string>();
  for (const { value } of old) {
    const domain = domainOfOurs(value, ring);
    if (domain === undefined) return undefined;
    domains.add(domain);
  }
  // The keys of today: those of then may have been retired since.
  const keys = [...domains].flatMap((domain) => ring.keysFor(domain));
  if (keys.length === 0) return undefined;
  let at = 0;
  const left: Buffer[] = [];
  for (const { start, end } of old) {
    left.push(prefix.subarray(at, start));
    at = end;
  }
  const headerPrefix = Buffer.concat([...left, prefix.subarray(at)]).toString();
  const fields = await signMessage({ ...changed, headerPrefix, keys, nowMs }, config);
  signed.increase(fields.length);
  return renderHeaderPrefix(fields) + headerPrefix;
}

/** The domain of a signature by a key that we have or had. */
function domainOfOurs(value: string, ring: KeyRing): string | undefined {
  const tags = new Map<string, string>();
  for (const tag of value.replace(/\s+/g, '').split(';')) {
    const split = tag.indexOf('=');
    if (split > 0) tags.set(tag.slice(0, split), tag.slice(split + 1));
  }
  const [domain, selector] = [tags.get('d'), tags.get('s')];
  return ring.all().find((facts) => facts.domain === domain && facts.selector === selector)?.domain;
}
