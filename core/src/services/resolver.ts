/** DNS as a service. */
import { token } from '../di/token.js';

/** An MX record (RFC 5321 section 5.1). A null MX (RFC 7505) has the exchange `''`. */
export interface MxRecord {
  readonly preference: number;
  readonly exchange: string;
}

/**
 * Look-ups. "There is none" (NXDOMAIN and an empty answer alike) is an empty list; a failure that may mend (SERVFAIL,
 * time-out) throws `E_DNS`. Names are given without a final dot. Safe to call concurrently.
 */
export interface Resolver {
  mx(domain: string, signal?: AbortSignal): Promise<readonly MxRecord[]>;
  /** IPv4 and IPv6 addresses, in no order. */
  addresses(name: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** TXT records, the strings of each joined. */
  txt(name: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Names of an address (PTR). */
  names(address: string, signal?: AbortSignal): Promise<readonly string[]>;
}

/** The token of the resolver. */
export const Resolver = token<Resolver>('core.resolver');
