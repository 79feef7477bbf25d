/** Names that can be asked for. */
import { domainToASCII } from 'node:url';

const nameOctetsMax = 253;
const labelOctetsMax = 63;

/**
 * The name to ask DNS for, without its last dot; `undefined` when it can be none: labels that are empty or too long, one
 * label alone (RFC 7208 section 4.3), or digits at its end, as an address that a macro has put there. A name that is too long loses labels from the left (section 7.3).
 */
export function queryName(text: string): string | undefined {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  // RFC 8616 section 4: names are asked for in A-labels; what macros have made of other letters matches nothing.
  const ascii = /[^\u0000-\u007f]/.test(bare) ? domainToASCII(bare) : bare;
  if (ascii.startsWith('[') || /(?:^|\.)\d+$/.test(ascii) || /[\u0000-\u001f\u007f]/.test(ascii))
    return undefined;
  const labels = ascii.split('.');
  let length = ascii.length;
  while (length > nameOctetsMax && labels.length > 0) length -= (labels.shift()?.length ?? 0) + 1;
  if (labels.length < 2 || labels.some((label) => label === '' || label.length > labelOctetsMax))
    return undefined;
  return labels.join('.');
}
