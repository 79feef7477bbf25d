/** How text is written into a DSN so that it passes every server: seven bits, short lines, CRLF. */

/** Most octets of a line we write, without CRLF (RFC 5322 section 2.1.1 recommends 78). */
const lineOctetsMax = 76;

/** Whether no octet is above 127. */
export function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 127) return false;
  return true;
}

/** A text/plain part with its header. LF line ends become CRLF. */
export function textPart(text: string): Buffer {
  const lines = text.replace(/\r\n?/g, '\n').replace(/\n*$/, '\n');
  const isPlain = /^[\t\n -~]*$/.test(lines) && lines.split('\n').every((line) => line.length <= 990);
  const encoding = isPlain ? '7bit' : 'quoted-printable';
  const header =
    `Content-Type: text/plain; charset=${isPlain ? 'us-ascii' : 'utf-8'}\r\n` +
    `Content-Transfer-Encoding: ${encoding}\r\n\r\n`;
  const content = lines.replace(/\n/g, '\r\n');
  return Buffer.from(header + (isPlain ? content : encodeQuotedPrintable(Buffer.from(content))));
}

/** Quoted-printable (RFC 2045 section 6.7) of octets with CRLF line ends. */
export function encodeQuotedPrintable(bytes: Uint8Array): string {
  let text = '';
  let line = '';
  const put = (piece: string) => {
    if (line.length + piece.length > lineOctetsMax - 1) {
      text += `${line}=\r\n`;
      line = '';
    }
    line += piece;
  };
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at] as number;
    if (octet === 0x0d && bytes[at + 1] === 0x0a) {
      text += `${line}\r\n`;
      line = '';
      at++;
      continue;
    }
    const isBlank = octet === 0x20 || octet === 0x09;
    const isBeforeEnd = at + 1 === bytes.length || (bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a);
    const isLiteral = isBlank ? !isBeforeEnd : octet > 0x20 && octet < 0x7f && octet !== 0x3d;
    put(isLiteral ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`);
  }
  return text + line;
}

/** A header value in which what is not ASCII is an encoded word (RFC 2047); line breaks become blanks. */
export function encodeWords(value: string): string {
  const clean = value.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 500);
  if (/^[ -~]*$/.test(clean)) return clean;
  const words: string[] = [];
  let chunk = '';
  for (const character of clean) {
    // RFC 2047 section 2: a word has at most 75 characters, 12 of which are not its text.
    if (Buffer.byteLength(chunk + character) > 45) {
      words.push(chunk);
      chunk = '';
    }
    chunk += character;
  }
  words.push(chunk);
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ');
}

/** A field of the machine-readable part: without control characters, folded at blanks, in ASCII unless told. */
export function statusField(name: string, value: string, isInternational: boolean): string {
  const clean = value.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
  const text = isInternational ? clean : clean.replace(/[^ -~]/gu, '?');
  let folded = `${name}:`;
  let lineLength = folded.length;
  for (const word of text.split(' ')) {
    // The first word stays on the line of the name, so that no line is made of blanks alone.
    if (lineLength + 1 + word.length > lineOctetsMax && lineLength > name.length + 1) {
      folded += '\r\n';
      lineLength = 0;
    }
    folded += ` ${word}`;
    lineLength += 1 + word.length;
  }
  return `${folded}\r\n`;
}
