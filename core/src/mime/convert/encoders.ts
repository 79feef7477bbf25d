/** Content transfer encodings for octets that come in pieces (RFC 2045 sections 6.7 and 6.8). */

/** Keeps the state between the pieces of one body. */
export interface Encoder {
  push(piece: Uint8Array): Buffer;
  end(): Buffer;
}

/** Most characters of an encoded line (RFC 2045 section 6.7, rule 5, and section 6.8). */
const lineMax = 76;
const base64LineOctets = 57;

const cr = 0x0d;
const lf = 0x0a;
const equals = 0x3d;

/** Lines of base64, without a line break behind the last one. */
export function base64Encoder(): Encoder {
  let carry: Buffer = Buffer.alloc(0);
  let isFirst = true;
  const lines = (octets: Buffer): Buffer => {
    const written: string[] = [];
    for (let at = 0; at < octets.length; at += base64LineOctets) {
      const line = octets.toString('base64', at, Math.min(at + base64LineOctets, octets.length));
      written.push(isFirst ? line : `\r\n${line}`);
      isFirst = false;
    }
    return Buffer.from(written.join(''), 'latin1');
  };
  return {
    push(piece) {
      const octets = carry.length === 0 ? Buffer.from(piece) : Buffer.concat([carry, piece]);
      const whole = octets.length - (octets.length % base64LineOctets);
      carry = octets.subarray(whole);
      return lines(octets.subarray(0, whole));
    },
    end: () => lines(carry),
  };
}

/** Quoted-printable of a text whose lines end with CRLF; its line breaks stay line breaks. */
export function quotedPrintableEncoder(): Encoder {
  let column = 0;
  // A blank is written as it is only when something follows it in its line.
  let blank: number | undefined;
  const put = (written: string[], text: string): void => {
    if (column + text.length > lineMax - 1) {
      written.push('=\r\n');
      column = 0;
    }
    written.push(text);
    column += text.length;
  };
  const putBlank = (written: string[], isLast: boolean): void => {
    if (blank === undefined) return;
    put(written, isLast ? escaped(blank) : String.fromCharCode(blank));
    blank = undefined;
  };
  return {
    push(piece) {
      const written: string[] = [];
      for (const octet of piece) {
        if (octet === cr) continue;
        putBlank(written, octet === lf);
        if (octet === lf) {
          written.push('\r\n');
          column = 0;
        } else if (octet === 0x20 || octet === 0x09) blank = octet;
        else put(written, isPlain(octet) ? String.fromCharCode(octet) : escaped(octet));
      }
      return Buffer.from(written.join(''), 'latin1');
    },
    end() {
      const written: string[] = [];
      putBlank(written, true);
      return Buffer.from(written.join(''), 'latin1');
    },
  };
}

function isPlain(octet: number): boolean {
  return octet > 0x20 && octet < 0x7f && octet !== equals;
}

function escaped(octet: number): string {
  return `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}
