/** Proving who a server is by TLSA records: DANE for SMTP (RFC 7672) with the records of RFC 6698. */
import { createHash, type X509Certificate } from 'node:crypto';
import type { TlsaRecord } from '@postroad/core';

/** Certificates looked at in what a server presents. */
const chainMax = 10;

/** RFC 7672 section 3.1: DANE-TA(2) and DANE-EE(3) are used; other usages and unknown digests are as if not there. */
export function usableTlsa(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  return records.filter(
    ({ usage, selector, matchingType }) => (usage === 2 || usage === 3) && selector <= 1 && matchingType <= 2,
  );
}

/** Whether the certificate, with the chain it came with, is one that the records allow. `names` are for DANE-TA. */
export function isDaneMatch(
  certificate: X509Certificate,
  records: readonly TlsaRecord[],
  names: readonly string[],
  nowMs: number,
): boolean {
  const chain = chainOf(certificate);
  return records.some((record) =>
    // RFC 7672 section 3.1.1: with DANE-EE neither names nor dates count.
    record.usage === 3
      ? isMatch(certificate, record)
      : isAnchored(chain, record, nowMs) && names.some((name) => certificate.checkHost(name) !== undefined),
  );
}

function chainOf(certificate: X509Certificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: X509Certificate | undefined = certificate;
  while (at !== undefined && chain.length < chainMax) {
    chain.push(at);
    const issuer: X509Certificate | undefined = at.issuerCertificate;
    at = issuer === undefined || issuer.fingerprint256 === at.fingerprint256 ? undefined : issuer;
  }
  return chain;
}

/** RFC 7671 section 5.2: the anchor is in the chain, and every certificate below it is signed by the next. */
function isAnchored(chain: readonly X509Certificate[], record: TlsaRecord, nowMs: number): boolean {
  for (const [at, certificate] of chain.entries()) {
    if (Date.parse(certificate.validFrom) > nowMs || Date.parse(certificate.validTo) < nowMs) return false;
    if (at > 0 && !isIssuedBy(chain[at - 1] as X509Certificate, certificate)) return false;
    if ((at > 0 || certificate.ca) && isMatch(certificate, record)) return true;
  }
  return false;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** RFC 6698 section 2.1.2 to 2.1.4. */
function isMatch(certificate: X509Certificate, record: TlsaRecord): boolean {
  const selected =
    record.selector === 0
      ? certificate.raw
      : (certificate.publicKey.export({ type: 'spki', format: 'der' }) as Buffer);
  if (record.matchingType === 0) return selected.equals(record.certificate);
  const digest = createHash(record.matchingType === 1 ? 'sha256' : 'sha512')
    .update(selected)
    .digest();
  return digest.equals(record.certificate);
}
