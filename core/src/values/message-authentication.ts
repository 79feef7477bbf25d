/** What was found out about who may say a message: by a plugin such as `check-auth`, for those who judge and sign. */
import type { MethodResult } from './authentication-results.js';

/** Whether the client may send for the domain of the reverse-path, or of its greeting when that is empty (RFC 7208). */
export interface SpfResult {
  readonly result: 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'temperror' | 'permerror';
  readonly domain: string;
  readonly scope: 'mailfrom' | 'helo';
  readonly comment?: string;
}

/** One signature (RFC 6376). */
export interface DkimResult {
  readonly result: 'pass' | 'fail' | 'neutral' | 'none' | 'policy' | 'temperror' | 'permerror';
  /** The signing domain, in lower case. */
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: string;
  /** False when `l=` leaves octets of the body unsigned: anybody may have added them. */
  readonly isWhole: boolean;
  readonly comment?: string;
  /** The beginning of the signature (RFC 6008). */
  readonly signature?: string;
}

/** The chain of those who handed the message on (RFC 8617). */
export interface ArcResult {
  readonly result: 'none' | 'pass' | 'fail';
  /** The domains that sealed, the first hop first. */
  readonly sealers: readonly string[];
  /** The chain passes, and all who sealed are on the list of those whose word counts. */
  readonly isTrusted: boolean;
  /** What the first sealer found out; only where the chain is trusted. */
  readonly original?: readonly MethodResult[];
  readonly comment?: string;
  /** It failed because a key could not be had for now. */
  readonly isTemporary?: boolean;
}

/** What a domain wants done with what fails. */
export type DmarcPolicy = 'none' | 'quarantine' | 'reject';

/** Whether the domain of From stands behind the message (RFC 7489). */
export interface DmarcResult {
  readonly result: 'pass' | 'fail' | 'none' | 'temperror' | 'permerror';
  /** The domain of From, in lower case; empty when there is not exactly one. */
  readonly domain: string;
  readonly organizationalDomain: string;
  /** What the record asks for this domain; absent without a record. */
  readonly policy?: DmarcPolicy;
  /** What of the failing messages the policy is asked for, in hundredths. */
  readonly percentage?: number;
  readonly isSpfAligned: boolean;
  readonly isDkimAligned: boolean;
  /** The record's own words, for reports. */
  readonly record?: { readonly domain: string; readonly tags: Readonly<Record<string, string>> };
  readonly comment?: string;
}

/** Whether the name of the client's address leads back to it (RFC 8601 section 2.7.3). */
export interface IprevResult {
  readonly result: 'pass' | 'fail' | 'temperror' | 'permerror';
  readonly name?: string;
}

/** Everything that was found out. What was not asked for is absent. */
export interface MessageAuthentication {
  readonly iprev?: IprevResult;
  readonly spf?: SpfResult;
  readonly dkim: readonly DkimResult[];
  readonly arc?: ArcResult;
  readonly dmarc?: DmarcResult;
  /** The same and what else there is, such as BIMI, ready for a header field. */
  readonly results: readonly MethodResult[];
}
