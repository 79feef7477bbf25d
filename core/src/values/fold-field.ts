/** Folding the value of a header field (RFC 5322 section 2.2.3). */

/** Breaks the lines at blanks, where that makes them no longer than 78 characters; longer words stay whole. */
export function foldFieldValue(value: string, firstColumn = 24): string {
  const lines: string[] = [];
  let line = '';
  let column = firstColumn;
  for (const word of value.split(' ')) {
    if (line !== '' && column + line.length + 1 + word.length > 78) {
      lines.push(line);
      line = word;
      column = 8;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join('\r\n\t');
}
