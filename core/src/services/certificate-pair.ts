/** A certificate with its chain and its key, from two files, checked before anybody is shown it. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MailError, messageOf } from '../errors.js';
import type { Clock } from './clock.js';
import type { Logger } from './logger.js';
import type { CertificateFiles } from './self-signed-certificate.js';
import { type TlsProfile, tlsProfileOptions } from './tls-profile.js';

/** A pair as it was read. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

const warnBeforeMs = 14 * 86_400_000;

/** Reads both files; throws `E_TLS` naming the one that can't be read. */
export async function readPair({ certificateFile, keyFile }: CertificateFiles): Promise<CertificatePair> {
  return { certificate: await readPem(certificateFile), key: await readPem(keyFile) };
}

/** Reads one file; throws `E_TLS` naming it. */
export async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new MailError('E_TLS', `${file} can't be read: ${messageOf(cause)}`, { cause });
  }
}

/** A context that shows the pair; throws `E_TLS` for what does not fit. */
export function contextOf(
  { certificate, key }: CertificatePair,
  files: CertificateFiles,
  profile: TlsProfile,
): SecureContext {
  const parsed = attempt(
    () => new X509Certificate(certificate),
    `${files.certificateFile} has no certificate`,
  );
  const privateKey = attempt(
    () => createPrivateKey(key),
    `${files.keyFile} has no private key that can be used`,
  );
  if (!parsed.checkPrivateKey(privateKey)) {
    throw new MailError('E_TLS', `the key in ${files.keyFile} is not that of ${files.certificateFile}`);
  }
  return attempt(
    () => createSecureContext({ ...tlsProfileOptions(profile), cert: certificate, key }),
    `${files.certificateFile} and ${files.keyFile} can't be used`,
  );
}

function attempt<T>(run: () => T, message: string): T {
  try {
    return run();
  } catch (cause) {
    throw new MailError('E_TLS', `${message}: ${messageOf(cause)}`, { cause });
  }
}

/** The DNS names that a certificate is for, in lower case. Only those in subjectAltName count (RFC 9525 section 2). */
export function namesOf(certificate: string): readonly string[] {
  // Names with anything odd in them are quoted by Node.js, and passed over here.
  return (new X509Certificate(certificate).subjectAltName ?? '')
    .split(', ')
    .flatMap((one) => /^DNS:([^\s"]+)$/.exec(one)?.[1]?.toLowerCase() ?? []);
}

/** Says in the log what is shown from now on, and when it ends. */
export function tellFacts({ certificate }: CertificatePair, clock: Clock, log: Logger): void {
  const { subject, subjectAltName, validFrom, validTo, fingerprint256 } = new X509Certificate(certificate);
  const nowMs = clock.now();
  const untilMs = Date.parse(validTo);
  const facts = { subject, names: subjectAltName, validFrom, validTo, fingerprint256 };
  if (untilMs <= nowMs) log.error('certificate has expired', facts);
  else if (Date.parse(validFrom) > nowMs) log.error('certificate is not valid yet', facts);
  else if (untilMs - nowMs < warnBeforeMs) log.warn('certificate expires soon', facts);
  else log.info('certificate in use', facts);
}
