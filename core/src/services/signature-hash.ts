/** The hash function in a certificate's signature algorithm, read from its DER (X.690). */

// RFC 5929 section 4.1: MD5 and SHA-1 are replaced by SHA-256.
const hashes: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'sha256'], // md5WithRSAEncryption
  ['2a864886f70d010105', 'sha256'], // sha1WithRSAEncryption
  ['2a864886f70d01010b', 'sha256'], // sha256WithRSAEncryption
  ['2a864886f70d01010c', 'sha384'], // sha384WithRSAEncryption
  ['2a864886f70d01010d', 'sha512'], // sha512WithRSAEncryption
  ['2a8648ce3d0401', 'sha256'], // ecdsa-with-SHA1
  ['2a8648ce3d040302', 'sha256'], // ecdsa-with-SHA256
  ['2a8648ce3d040303', 'sha384'], // ecdsa-with-SHA384
  ['2a8648ce3d040304', 'sha512'], // ecdsa-with-SHA512
]);

interface Element {
  readonly start: number;
  readonly end: number;
}

/** For node:crypto; `undefined` for algorithms without a hash of their own, such as Ed25519. */
export function signatureHashOf(certificate: Uint8Array): string | undefined {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, .. }, .. }
  const whole = readElement(certificate, 0, 0x30);
  const body = whole === undefined ? undefined : readElement(certificate, whole.start, 0x30);
  const algorithm = body === undefined ? undefined : readElement(certificate, body.end, 0x30);
  const name = algorithm === undefined ? undefined : readElement(certificate, algorithm.start, 0x06);
  if (name === undefined) return undefined;
  return hashes.get(Buffer.from(certificate.subarray(name.start, name.end)).toString('hex'));
}

function readElement(octets: Uint8Array, at: number, tag: number): Element | undefined {
  if (octets[at] !== tag) return undefined;
  const first = octets[at + 1] ?? 0x80;
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthOctets > 4) return undefined;
  let length = lengthOctets === 0 ? first : 0;
  for (let index = 0; index < lengthOctets; index++) length = length * 256 + (octets[at + 2 + index] ?? 0);
  const start = at + 2 + lengthOctets;
  return start + length > octets.length ? undefined : { start, end: start + length };
}
