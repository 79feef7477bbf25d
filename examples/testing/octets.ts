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
  if (added < 0 || Buffer.compare(arrived.subarray(added), sent) !== 0) {
    throw new Error(
      `what arrived is not what was sent:\n${describe(arrived)}\n--- sent ---\n${describe(sent)}`,
    );
  }
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

function describe(octets: Uint8Array): string {
  return `${octets.length} octets: ${Buffer.from(octets).toString('latin1').slice(0, 1_500)}`;
}
