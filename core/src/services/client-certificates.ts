/** Certificates that clients show: which of them are believed (for SASL EXTERNAL, RFC 4422 appendix A). */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { MailError, messageOf } from '../errors.js';
import type { ClientCertificate } from '../values/identity.js';
import type { Clock } from './clock.js';

/** Whose certificates are believed. */
export interface ClientAuthorities {
  /** Whether clients are asked for a certificate. */
  readonly isAsking: boolean;
  /** What a certificate says, when it is believed now. */
  read(certificate: X509Certificate): ClientCertificate | undefined;
  /** Reads the file; throws `E_TLS` naming what is wrong. */
  start(): Promise<void>;
}

/** RFC 5280 section 4.2.1.12: the purpose of a certificate that logs in. */
const clientAuthentication = '1.3.6.1.5.5.7.3.2';
const anyPurpose = '2.5.29.37.0';
const authoritiesMax = 100;

/**
 * The authorities of a file in PEM. Only certificates that one of them has signed itself are believed: what stands
 * between a root and its clients goes into the file. Without a file nobody is asked.
 */
export function createClientAuthorities(file: string | undefined, clock: Clock): ClientAuthorities {
  let authorities: readonly X509Certificate[] = [];
  return {
    isAsking: file !== undefined,
    async start() {
      if (file !== undefined) authorities = await readAuthorities(file);
    },
    read(certificate) {
      const nowMs = clock.now();
      const isBelieved = authorities.some((one) => isCurrent(one, nowMs) && hasSigned(one, certificate));
      if (!isBelieved || !isCurrent(certificate, nowMs) || !mayLogIn(certificate)) return undefined;
      const { subject, fingerprint256, subjectAltName } = certificate;
      return { subject, fingerprint256, emails: emailsOf(subjectAltName) };
    },
  };
}

async function readAuthorities(file: string): Promise<readonly X509Certificate[]> {
  try {
    const text = await readFile(file, 'utf8');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0 || blocks.length > authoritiesMax) {
      throw new Error(`it has ${blocks.length} certificates, 1 to ${authoritiesMax} are allowed`);
    }
    const certificates = blocks.map((block) => new X509Certificate(block));
    const wrong = certificates.find(({ ca }) => !ca);
    if (wrong !== undefined) throw new Error(`${wrong.subject} is no authority`);
    return certificates;
  } catch (cause) {
    throw new MailError('E_TLS', `${file} has no authorities for clients: ${messageOf(cause)}`, { cause });
  }
}

function hasSigned(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function isCurrent({ validFrom, validTo }: X509Certificate, nowMs: number): boolean {
  return Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo);
}

/** An authority's own certificate logs nobody in, nor does one that is for servers. */
function mayLogIn({ ca, keyUsage }: X509Certificate): boolean {
  // Node.js tells the extended usages here; without any, all are meant.
  const purposes: readonly string[] = keyUsage ?? [];
  const isAllowed =
    purposes.length === 0 || purposes.includes(clientAuthentication) || purposes.includes(anyPurpose);
  return !ca && isAllowed;
}

/** Names with anything odd in them are quoted by Node.js, and passed over here. */
function emailsOf(alternativeNames: string | undefined): readonly string[] {
  if (alternativeNames === undefined || alternativeNames.includes('"')) return [];
  return alternativeNames.split(', ').flatMap((name) => /^email:([^\s,]+)$/.exec(name)?.[1] ?? []);
}
