/**
 * Text as people read it: encoded words of headers (RFC 2047), transfer encodings (RFC 2045) and charsets. The one
 * file of the core that uses libmime, libqp and iconv-lite. Nothing here fails: what is broken is read as well as it
 * can be.
 */
import { isAscii } from 'node:buffer';
import iconv from 'iconv-lite';
import libmime from 'libmime';
import libqp from 'libqp';

/** A header value with its encoded words decoded. */
export function decodeHeaderValue(value: string): string {
  if (!value.includes('=?')) return value;
  try {
    return libmime.decodeWords(value);
  } catch {
    // A charset that nobody knows: the value as it was sent is all there is to read.
    return value;
  }
}

/** Decodes chunks of one part, in order. */
export interface ChunkDecoder<T> {
  write(chunk: Buffer): T;
  end(): T;
}

/** Undoes a transfer encoding chunk by chunk; unknown encodings are taken as they are. */
export function transferDecoder(encoding: string): ChunkDecoder<Buffer> {
  if (encoding === 'base64') return base64Decoder();
  if (encoding === 'quoted-printable') return quotedPrintableDecoder();
  return { write: (chunk) => chunk, end: () => empty };
}

/** Turns octets of a charset into text chunk by chunk; an unknown charset is read as UTF-8. */
export function charsetDecoder(charset: string | undefined): ChunkDecoder<string> {
  const name = charset !== undefined && iconv.encodingExists(charset) ? charset : 'utf-8';
  let decoder: { write(chunk: Buffer): string; end(): string | undefined } | undefined;
  const mayBeAscii = asciiBasedPattern.test(name);
  return {
    write(chunk) {
      // Most text is ASCII, and most charsets begin with it: nothing to decode until something else comes.
      if (mayBeAscii && decoder === undefined && isAscii(chunk)) return chunk.toString('latin1');
      decoder ??= iconv.getDecoder(name);
      return decoder.write(chunk);
    },
    end: () => decoder?.end() ?? '',
  };
}

/** Charsets in which octets below 128 are ASCII, whatever came before. */
const asciiBasedPattern = /^(?:us-ascii|ascii|utf-?8|iso-8859-\d{1,2}|windows-125\d|koi8-[ru])$/i;

const empty = Buffer.alloc(0);

/** Base64 in groups of four characters, whatever stands between them. */
function base64Decoder(): ChunkDecoder<Buffer> {
  let rest = '';
  const decode = (text: string) => Buffer.from(text, 'base64');
  return {
    write(chunk) {
      const text = rest + chunk.toString('latin1').replace(/[^A-Za-z0-9+/=]/g, '');
      const whole = text.length & ~3;
      rest = text.slice(whole);
      return decode(text.slice(0, whole));
    },
    end: () => decode(rest),
  };
}

/** Quoted-printable by whole lines; a line is at most a chunk and a bit, so nothing grows. */
function quotedPrintableDecoder(): ChunkDecoder<Buffer> {
  let rest = '';
  return {
    write(chunk) {
      const text = rest + chunk.toString('latin1');
      const end = text.lastIndexOf('\n') + 1;
      // A line without an end is decoded up to where an escape could be cut in two.
      const cut = end > 0 || text.length < 4096 ? end : Math.max(0, safeCut(text));
      rest = text.slice(cut);
      return cut === 0 ? empty : libqp.decode(text.slice(0, cut));
    },
    end: () => (rest === '' ? empty : libqp.decode(rest)),
  };
}

function safeCut(text: string): number {
  const lastEscape = text.lastIndexOf('=');
  return lastEscape > text.length - 4 ? lastEscape : text.length;
}
