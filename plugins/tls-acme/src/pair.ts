/** A certificate with its chain and its key, checked before anybody is shown it. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MailError, messageOf, type TlsProfile, tlsProfileOptions } from '@postroad/core';

/** A pair in PEM. */
export interface PemPair {
  readonly chain: string;
  readonly key: string;
}

/** What is known of a certificate. */
export interface CertificateFacts {
  readonly names: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The facts; throws `E_TLS` for what is no certificate, or has another key. */
export function factsOf({ chain, key }: PemPair, place: string): CertificateFacts {
  try {
    const certificate = new X509Certificate(chain);
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      throw new Error('the key is not that of the certificate');
    return {
      names: (certificate.subjectAltName ?? '')
        .split(', ')
        .flatMap((one) => /^DNS:(.+)$/.exec(one)?.[1]?.toLowerCase() ?? []),
      fromMs: Date.parse(certificate.validFrom),
      untilMs: Date.parse(certificate.validTo),
    };
  } catch (cause) {
    throw new MailError('E_TLS', `the certificate in ${place} can't be used: ${messageOf(cause)}`, { cause });
  }
}

/** A context that shows the certificate. */
export function contextOf({ chain, key }: PemPair, profile: TlsProfile): SecureContext {
  return createSecureContext({ ...tlsProfileOptions(profile), cert: chain, key });
}
