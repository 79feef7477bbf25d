/** Making the value of a `DKIM-Signature` or `ARC-Message-Signature` field. */
import { createHash, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { DkimCanonicalization } from './dkim-body-hash.js';
import { canonicalField, foldSignature, formatTags, type HeaderSelection } from './dkim-header.js';

const signInThreadPool = promisify(sign);

/** What is signed with what. */
export interface SignatureOptions {
  /** The field that it becomes. */
  readonly fieldName: string;
  /** All tags but `b=`. */
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** What stands before the signature's own field, in canonical form. */
  readonly canonical: HeaderSelection['canonical'];
  readonly canonicalization: DkimCanonicalization;
  readonly key: KeyObject;
}

/** The name of the algorithm of a key (RFC 6376 section 3.3, RFC 8463); throws `RangeError` for other kinds of keys. */
export function dkimAlgorithm(key: KeyObject): 'rsa-sha256' | 'ed25519-sha256' {
  const type = key.asymmetricKeyType;
  if (type === 'rsa' || type === 'ed25519') return `${type}-sha256`;
  throw new RangeError(`a key of the kind ${type} signs no mail`);
}

/** The value of the field, signed outside of the event loop. */
export async function signField(options: SignatureOptions): Promise<string> {
  const value = formatTags(options.tags);
  const own = canonicalField(`${options.fieldName}: ${value}\r\n`, options.canonicalization);
  // RFC 6376 section 3.7: the signature's own field comes last, without its line end.
  const signed = Buffer.from(`${options.canonical}${own.slice(0, -2)}`, 'latin1');
  return `${value}${foldSignature(await signOctets(signed, options.key))}`;
}

/** RFC 8463 section 3: Ed25519 signs the SHA-256 of what RSA signs. */
export async function signOctets(octets: Uint8Array, key: KeyObject): Promise<string> {
  const isRsa = dkimAlgorithm(key) === 'rsa-sha256';
  const signature = isRsa
    ? await signInThreadPool('sha256', octets, key)
    : await signInThreadPool(null, createHash('sha256').update(octets).digest(), key);
  return signature.toString('base64');
}
