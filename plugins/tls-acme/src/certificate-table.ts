/** Which certificate is shown for which name. The table is replaced whole: open connections keep what they have. */
import type { SecureContext } from 'node:tls';
import { MailError } from '@postroad/core';
import type { CertificateFacts, PemPair } from './pair.js';

/** A pair that can be shown. */
export interface TableEntry {
  /** The file it is from. */
  readonly place: string;
  readonly pair: PemPair;
  readonly facts: CertificateFacts;
  readonly context: SecureContext;
}

/** The context for a name: that of the name itself, of the name with `*`, or the first of all. */
export function chooseContext(entries: readonly TableEntry[], serverName: string | undefined): SecureContext {
  const name = serverName?.toLowerCase();
  const wildcard = name?.replace(/^[^.]+/, '*');
  const found =
    entries.find(({ facts }) => name !== undefined && facts.names.includes(name)) ??
    entries.find(({ facts }) => wildcard !== undefined && facts.names.includes(wildcard)) ??
    entries[0];
  if (found === undefined) throw new MailError('E_TLS', 'there is no certificate yet');
  return found.context;
}
