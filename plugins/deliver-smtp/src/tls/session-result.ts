/** How an attempt at TLS went, for reports to the domain (RFC 8460). */
import type { TlsSessionResult } from '@postroad/core';
import type { Opened } from '../opened.js';
import type { RefusedHost, Security } from './security.js';

/** The result of one session; `undefined` when TLS was not come to, or not wanted. */
export function sessionResult(
  domain: string,
  host: string,
  security: Security,
  opened: Opened,
): TlsSessionResult | undefined {
  if (security.tls === 'none') return undefined;
  const shared = {
    domain,
    host,
    policyType: security.by === 'policy' ? ('no-policy-found' as const) : security.by,
    policyLines: linesOf(security),
  };
  if ('trouble' in opened) {
    const { tlsFailure } = opened.trouble;
    const address = opened.candidate === undefined ? {} : { address: opened.candidate.address };
    return tlsFailure === undefined ? undefined : { ...shared, ...address, failure: tlsFailure };
  }
  const { connection } = opened;
  const withAddress = { ...shared, address: connection.address };
  if (connection.tls === undefined) {
    const isOffered = connection.capabilities?.has('STARTTLS') === true;
    return { ...withAddress, failure: isOffered ? 'validation-failure' : 'starttls-not-supported' };
  }
  if (security.isTesting !== true || connection.isVerified) return withAddress;
  return { ...withAddress, failure: certificateFailure(connection.tls.authorizationError) };
}

/** What is wrong with the policy itself, once for each session that was opened in spite of it. */
export function policyResult(domain: string, security: Security): TlsSessionResult | undefined {
  const { policyFailure: wrong } = security;
  if (wrong === undefined || security.tls === 'none') return undefined;
  const policyLines = security.by === wrong.type ? linesOf(security) : [];
  return { domain, policyType: wrong.type, policyLines, failure: wrong.failure };
}

/** RFC 8460 section 4.3.1, from what the TLS library found. */
export function certificateFailure(found: unknown): string {
  const code = String(found instanceof Error ? ((found as { code?: unknown }).code ?? found.message) : found);
  if (code.includes('ALTNAME')) return 'certificate-host-mismatch';
  return code.includes('EXPIRED') ? 'certificate-expired' : 'certificate-not-trusted';
}

/** A policy that could not be kept before a connection was made. */
export function refusedResult(domain: string, host: string, refused: RefusedHost): TlsSessionResult {
  const { by, policyLines = [] } = refused;
  const failure = refused.failure ?? (by === 'tlsa' ? 'dnssec-invalid' : 'validation-failure');
  return { domain, host, policyType: by === 'policy' ? 'no-policy-found' : by, policyLines, failure };
}

function linesOf({ by, tlsa, policyLines }: Security): readonly string[] {
  if (by === 'sts') return policyLines ?? [];
  return (tlsa ?? []).map(
    ({ usage, selector, matchingType, certificate }) =>
      `${usage} ${selector} ${matchingType} ${Buffer.from(certificate).toString('hex')}`,
  );
}
