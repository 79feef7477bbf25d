/** Comparing text in searches: without regard to case and to how characters are composed (RFC 5051). */
import { isAscii } from '../protocol/index.js';

/** The form in which two texts are compared. */
export function foldText(text: string): string {
  // For long texts the length in octets is the quicker way to see whether all is ASCII.
  const isPlain = text.length > 256 ? Buffer.byteLength(text) === text.length : isAscii(text);
  return isPlain ? text.toLowerCase() : text.normalize('NFKD').toLowerCase().normalize('NFKD');
}
