/** What is in each region of a message, found in one pass over it. */
import type { Body } from '../../body/body.js';
import type { Region } from './regions.js';

/** What counts for the way it is encoded. */
export interface RegionFacts {
  readonly octets: number;
  /** Octets above 127. */
  readonly octets8: number;
  /** Whether all line ends are CRLF and there is no NUL. */
  readonly isPlain: boolean;
  /** Octets of the longest line. */
  readonly lineMax: number;
}

const cr = 0x0d;
const lf = 0x0a;

/** One for each region, in their order. */
export async function surveyRegions(body: Body, regions: readonly Region[]): Promise<readonly RegionFacts[]> {
  const counts = regions.map(() => new Count());
  let at = 0;
  let offset = 0;
  for await (const chunk of body.open()) {
    let from = 0;
    while (from < chunk.length) {
      const { end } = regions[at] as Region;
      const to = Math.min(chunk.length, from + end - offset);
      counts[at]?.push(chunk.subarray(from, to));
      offset += to - from;
      from = to;
      if (offset < end) continue;
      counts[at]?.end();
      at++;
    }
  }
  return counts;
}

class Count implements RegionFacts {
  octets = 0;
  octets8 = 0;
  isPlain = true;
  lineMax = 0;
  #line = 0;
  #isAfterCr = false;

  push(piece: Uint8Array): void {
    this.octets += piece.length;
    for (const octet of piece) {
      if (octet > 127) this.octets8++;
      if (this.#isAfterCr !== (octet === lf) || octet === 0) this.isPlain = false;
      this.#isAfterCr = octet === cr;
      if (octet === lf) this.#endLine();
      else this.#line++;
    }
  }

  end(): void {
    // A region never ends between CR and LF: what would, is a bare CR.
    if (this.#isAfterCr) this.isPlain = false;
    this.#endLine();
  }

  #endLine(): void {
    this.lineMax = Math.max(this.lineMax, this.#line - 1);
    this.#line = 0;
  }
}
