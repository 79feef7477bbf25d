/** Comparing text in searches: without regard to case and to how characters are composed (RFC 5051). */
import { isAscii } from '../protocol/index.js';

/** The form in which two texts are compared. */
export function foldText(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.normalize('NFKD').toLowerCase().normalize('NFKD');
}
