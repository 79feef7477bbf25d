/** Compares what arrived with what was sent. */

/** Octets with LF line ends, as tools of this system keep mail in files. */
export function withLf(octets: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(octets).toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/**
 * The header fields in front of the message that was sent, by name and in order. Throws when what arrived does not end
 * with the very octets that were sent, or when anything but whole header fields stands before them.
 */
export function addedFields(arrived: Uint8Array, sent: Uint8Array): readonly string[] {
  const added = arrived.length - sent.length;
  if (added < 0 || Buffer.compare(arrived.subarray(added), sent) !== 0) throw differenceOf(arrived, sent);
  const lines = Buffer.from(arrived.subarray(0, added)).toString('latin1').split(/\r?\n/);
  if (lines.pop() !== '') throw new Error('the added octets do not end with a line end');
  const names: string[] = [];
  for (const line of lines) {
    if (/^[ \t]/.test(line) && names.length > 0) continue;
    const name = /^([!-9;-~]+):/.exec(line)?.[1];
    if (name === undefined) throw new Error(`not a header field: ${line}`);
    names.push(name);
  }
  return names;
}

/** Shows where they differ for the first time, seen from their ends. */
function differenceOf(arrived: Uint8Array, sent: Uint8Array): Error {
  let same = 0;
  while (same < sent.length && arrived.at(-1 - same) === sent.at(-1 - same)) same++;
  const around = (octets: Uint8Array) => {
    const at = octets.length - same;
    return JSON.stringify(Buffer.from(octets.subarray(Math.max(0, at - 200), at + 40)).toString('latin1'));
  };
  return new Error(
    `of ${sent.length} octets sent and ${arrived.length} arrived only the last ${same} are the same:\n` +
      `sent    ${around(sent)}\narrived ${around(arrived)}`,
  );
}
