/** The header section of an entity whose body is encoded another way than it says. Pure. */

/** Longest header section that is rewritten. */
export const headerOctetsMax = 262_144;

/** What the header section is to say. */
export interface HeaderWish {
  readonly encoding: '7bit' | 'quoted-printable' | 'base64';
  /** Whether it is that of a whole message. */
  readonly isMessage: boolean;
  /** Whether there are octets above 127 in the body. */
  readonly has8bit: boolean;
}

/** Says the encoding, and leaves every other field as it stands, octet by octet. */
export function rewriteHeader(header: Buffer, { encoding, isMessage, has8bit }: HeaderWish): Buffer {
  const fields = fieldsOf(header.toString('latin1'));
  const names = fields.map((field) => /^([!-9;-~]+)[ \t]*:/.exec(field)?.[1]?.toLowerCase() ?? '');
  const end = names.length > 0 && fields.at(-1)?.trim() === '' ? names.length - 1 : names.length;
  const written: string[] = [];
  let isSaid = false;
  const say = (): void => {
    if (!isSaid) written.push(`Content-Transfer-Encoding: ${encoding}\r\n`);
    isSaid = true;
  };
  fields.forEach((field, at) => {
    if (at >= end) return;
    if (names[at] === 'content-transfer-encoding') say();
    else written.push(field.endsWith('\n') ? field : `${field}\r\n`);
  });
  if (isMessage && encoding !== '7bit') {
    if (!names.includes('mime-version')) written.push('MIME-Version: 1.0\r\n');
    // RFC 1428 section 3: eight-bit text of which nobody knows more.
    if (has8bit && !names.includes('content-type'))
      written.push('Content-Type: text/plain; charset=unknown-8bit\r\n');
  }
  say();
  return Buffer.from(`${written.join('')}${fields.slice(end).join('')}`, 'latin1');
}

/** The fields with their line ends; the empty line is the last of them. */
function fieldsOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n(?:[ \t][^\n]*\n?)*|[^\n]+$/g) ?? [];
}
