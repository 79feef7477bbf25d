/** Comparing text in searches: without regard to case and to how characters are composed (RFC 5051). */

/** The form in which two texts are compared. */
export function foldText(text: string): string {
  // The length in octets is the quickest way to see whether all is ASCII.
  const isPlain = Buffer.byteLength(text) === text.length;
  return isPlain ? text.toLowerCase() : text.normalize('NFKD').toLowerCase().normalize('NFKD');
}
