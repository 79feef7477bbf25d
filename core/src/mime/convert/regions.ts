/** A message as regions in the order of its octets: header sections, bodies that may be encoded, and the rest. Pure. */
import type { MimePart } from '../structure.js';

/** Octets from `start` up to, not including, `end`. */
export interface Region {
  readonly start: number;
  readonly end: number;
  /**
   * `header`: the header section of `part`. `leaf`: the body of `part`, which has no parts. `fixed`: boundaries, what
   * stands around them, and whatever must not change.
   */
  readonly is: 'header' | 'leaf' | 'fixed';
  readonly part?: MimePart;
  /** Set for the header section of a whole message, the outermost one or one inside it. */
  readonly isMessage?: boolean;
}

/** All octets of a message of this structure. */
export function regionsOf(structure: MimePart, sizeBytes: number): readonly Region[] {
  const regions: Region[] = [];
  let at = 0;
  const fixUpTo = (end: number): void => {
    if (end > at) regions.push({ start: at, end, is: 'fixed' });
    at = Math.max(at, end);
  };
  const add = (region: Region): void => {
    fixUpTo(region.start);
    if (region.end <= at) return;
    regions.push(region);
    at = region.end;
  };
  const walk = (part: MimePart, isMessage: boolean): void => {
    const { headerStart, bodyStart, bodyEnd } = part;
    // A part without any header section stands for what could not be read: there is no place to say how it is encoded.
    if (isUntouchable(part) || headerStart === bodyStart) {
      fixUpTo(bodyEnd);
      return;
    }
    add({ start: headerStart, end: bodyStart, is: 'header', part, isMessage });
    if (part.type === 'multipart') for (const child of part.children) walk(child, false);
    else if (part.message !== null) walk(part.message.structure, true);
    else add({ start: bodyStart, end: bodyEnd, is: 'leaf', part });
  };
  walk(structure, true);
  fixUpTo(sizeBytes);
  return regions;
}

/**
 * What is signed or encrypted must arrive as it is (RFC 1847 section 2.1); parts of type message other than whole
 * messages can't be encoded (RFC 2046 section 5.2).
 */
function isUntouchable({ type, subtype, message }: MimePart): boolean {
  if (type === 'multipart') return subtype === 'signed' || subtype === 'encrypted';
  return type === 'message' && message === null;
}
