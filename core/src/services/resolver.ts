/** DNS as a service. */
import { token } from '../di/token.js';

/** An MX record (RFC 5321 section 5.1). A null MX (RFC 7505) has the exchange `''`. */
export interface MxRecord {
  readonly preference: number;
  readonly exchange: string;
}

/** An SRV record (RFC 2782). A service that is not there has the target `''`. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** A TLSA record (RFC 6698 section 2.1): what the certificate of a server must be. */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly certificate: Uint8Array;
}

/** Records, and whether DNSSEC vouches for them or for there being none. */
export interface Vouched<T> {
  readonly records: readonly T[];
  readonly isAuthentic: boolean;
}

/** Look-ups whose answers a validating server vouches for over a way that nobody else can speak on. */
export interface DnssecResolver {
  mx(domain: string, signal?: AbortSignal): Promise<Vouched<MxRecord>>;
  addresses(name: string, signal?: AbortSignal): Promise<Vouched<string>>;
  tlsa(name: string, signal?: AbortSignal): Promise<Vouched<TlsaRecord>>;
  /** What a name is an alias of (CNAME), one step; absent where it can't be looked up. */
  alias?(name: string, signal?: AbortSignal): Promise<Vouched<string>>;
}

/**
 * Look-ups. "There is none" (NXDOMAIN and an empty answer alike) is an empty list; a failure that may mend (SERVFAIL,
 * time-out) throws `E_DNS`. Names are given without a final dot. Safe to call concurrently.
 */
export interface Resolver {
  mx(domain: string, signal?: AbortSignal): Promise<readonly MxRecord[]>;
  /** IPv4 and IPv6 addresses, in no order; with `family` at least those of one kind. */
  addresses(name: string, signal?: AbortSignal, family?: 4 | 6): Promise<readonly string[]>;
  /** TXT records, the strings of each joined. */
  txt(name: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Names of an address (PTR). */
  names(address: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** SRV records; absent where they can't be looked up. */
  srv?(name: string, signal?: AbortSignal): Promise<readonly SrvRecord[]>;
  /** For DANE; absent when no trusted validating server is asked. Failures are as above. */
  readonly dnssec?: DnssecResolver;
}

/** The token of the resolver. */
export const Resolver = token<Resolver>('core.resolver');
