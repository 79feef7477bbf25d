/** xtext (RFC 3461 section 4): printable ASCII in which `+` and two hex digits stand for an octet. */

const xtextPattern = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})+$/;
const xcharPattern = /\+([0-9A-F]{2})/g;

/** The text that the xtext stands for; `undefined` when it is none, or hides a control character. */
export function decodeXtext(text: string): string | undefined {
  if (!xtextPattern.test(text)) return undefined;
  const decoded = text.replace(xcharPattern, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return /^[ -~]*$/.test(decoded) ? decoded : undefined;
}
