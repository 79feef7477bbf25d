/** The hash of a body as DKIM and ARC sign it (RFC 6376 section 3.4), over octets that stream by. */
import { createHash } from 'node:crypto';

/** How much may change on the way: nothing, or blanks. */
export type DkimCanonicalization = 'simple' | 'relaxed';

/** Takes the octets behind the empty line that ends the header section, piece by piece. */
export interface DkimBodyHash {
  update(octets: Uint8Array): void;
  /** SHA-256 of the canonical body, in base64. */
  digest(): string;
}

const cr = 0x0d;
const lf = 0x0a;
const blank = 0x20;
const tab = 0x09;
const outputOctets = 65_536;

/** Memory does not grow with the body, whatever it is made of. */
export function createDkimBodyHash(canonicalization: DkimCanonicalization): DkimBodyHash {
  const isRelaxed = canonicalization === 'relaxed';
  const hash = createHash('sha256');
  const output = Buffer.allocUnsafe(outputOctets);
  let length = 0;
  /** What is held back, because it goes when it stands at the end: line ends, then one blank. */
  let lines = 0;
  let hasBlank = false;
  let hasCr = false;
  let isEmpty = true;

  const put = (octet: number) => {
    if (length === outputOctets) flush();
    output[length++] = octet;
  };
  const flush = () => {
    hash.update(output.subarray(0, length));
    length = 0;
  };
  const release = () => {
    for (; lines > 0; lines--) {
      put(cr);
      put(lf);
    }
    if (hasBlank) put(blank);
    hasBlank = false;
    isEmpty = false;
  };
  const plain = (octet: number) => {
    release();
    put(octet);
  };
  const take = (octet: number) => {
    if (octet === lf && hasCr) {
      hasCr = false;
      hasBlank = false;
      lines++;
      return;
    }
    if (hasCr) {
      hasCr = false;
      plain(cr);
    }
    if (octet === cr) hasCr = true;
    else if (isRelaxed && (octet === blank || octet === tab)) hasBlank = true;
    else plain(octet);
  };
  return {
    update(octets) {
      for (const octet of octets) take(octet);
    },
    digest() {
      if (hasCr) plain(cr);
      // The last line always ends; of an empty body that is all, or nothing where blanks don't count.
      if (!isEmpty || !isRelaxed) {
        put(cr);
        put(lf);
      }
      flush();
      return hash.digest('base64');
    },
  };
}
