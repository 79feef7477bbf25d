/** The record that publishes a key (RFC 6376 section 3.6). */
import type { DkimKeyRecord } from '@postroad/core';
import type { KeyFacts } from './key-files.js';

/** Where a key stands in its life. */
export type KeyState = 'waiting' | 'signing' | 'retired' | 'removed';

/** `waiting` for its record to be published, `signing`, `retired` but still published, or `removed`. */
export function stateOf(facts: KeyFacts): KeyState {
  if (facts.removedAtMs !== undefined) return 'removed';
  if (facts.retiredAtMs !== undefined) return 'retired';
  return facts.activatedAtMs === undefined ? 'waiting' : 'signing';
}

/** The name of the record. */
export function recordName({ domain, selector }: KeyFacts): string {
  return `${selector}._domainkey.${domain}`;
}

/** Its text. */
export function recordText({ algorithm, publicKey }: KeyFacts): string {
  return `v=DKIM1; k=${algorithm}; p=${publicKey}`;
}

/** Whether one of the texts found in DNS publishes this key; blanks and other tags may differ. */
export function isPublished(facts: KeyFacts, texts: readonly string[]): boolean {
  return texts.some(
    (text) => /(?:^|;)\s*p\s*=([^;]*)/.exec(text)?.[1]?.replace(/\s+/g, '') === facts.publicKey,
  );
}

/** The records that must be published for a domain now. */
export function recordsOf(keys: readonly KeyFacts[], domain: string): readonly DkimKeyRecord[] {
  return keys
    .filter((facts) => facts.domain === domain && stateOf(facts) !== 'removed')
    .map((facts) => ({ name: recordName(facts), text: recordText(facts), state: stateOf(facts) }));
}
