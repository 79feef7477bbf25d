/**
 * Octet strings. Inside the engine, what came over the wire and what goes out is a string with one character per octet
 * (latin1): cheap to cut, compare and join. Text that people read is converted at the border by these functions.
 */

const nonAsciiPattern = /[^\u0000-\u007f]/;

/** Whether all characters are below 128, so that octets and text are the same. */
export function isAscii(text: string): boolean {
  return !nonAsciiPattern.test(text);
}

/** The UTF-8 octets of a text as an octet string. */
export function octetsOf(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of UTF-8 octets; `undefined` when they are not UTF-8. */
export function textOf(octets: string): string | undefined {
  if (isAscii(octets)) return octets;
  const bytes = Buffer.from(octets, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}
