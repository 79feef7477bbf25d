/**
 * Eight-bit and binary messages for those that take seven bits only (RFC 6152 section 3, RFC 3030 section 3, RFC 9051
 * section 4.3.1): bodies become quoted-printable or base64, part by part, and the header sections of the parts say so. The
 * message is read three times as a stream (structure, what is in each part, conversion) and never held. What is signed or
 * encrypted is left as it is.
 */
import type { Body } from '../../body/body.js';
import { parseStructure } from '../parse-structure.js';
import { base64Encoder, type Encoder, quotedPrintableEncoder } from './encoders.js';
import { type Region, regionsOf } from './regions.js';
import { type HeaderWish, headerOctetsMax, rewriteHeader } from './rewrite-header.js';
import { type RegionFacts, surveyRegions } from './survey-regions.js';

/** How a message is converted. */
export interface Conversion {
  /** The converted message as a stream; as often as one likes. */
  open(): AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  /** Its header section, with the empty line: that many octets of the beginning. */
  readonly headerSizeBytes: number;
}

type Step =
  | { readonly does: 'copy' }
  | { readonly does: 'encode'; readonly encoder: () => Encoder }
  | { readonly does: 'rewrite'; readonly wish: HeaderWish };

/** Most octets of a line of the text we leave as it is (RFC 5321 section 4.5.3.1.6). */
const lineOctetsMax = 998;
const pieceOctetsMin = 32_768;

/** For whom a message is converted. */
export interface ConversionWish {
  /** Octets above 127 may stay where nothing can say how they are encoded: in header fields, and around the parts. */
  readonly allowsUtf8Headers?: boolean;
}

/** Plans it; `undefined` when the message can't be converted without touching what must not be touched. */
export async function planConversion(body: Body, wish: ConversionWish = {}): Promise<Conversion | undefined> {
  const { structure } = await parseStructure('', body);
  const regions = regionsOf(structure, body.sizeBytes);
  const facts = await surveyRegions(body, regions);
  const steps: Step[] = [];
  for (const [at, region] of regions.entries()) {
    const step = stepOf(region, regions[at + 1], facts, at, wish);
    if (step === undefined) return undefined;
    steps.push(step);
  }
  const open = (): AsyncIterable<Uint8Array> => gathered(convert(body, regions, steps));
  let sizeBytes = 0;
  for await (const piece of open()) sizeBytes += piece.length;
  return { open, sizeBytes, headerSizeBytes: headerSizeOf(body, regions[0], steps[0]) };
}

function headerSizeOf(body: Body, region: Region | undefined, step: Step | undefined): number {
  if (step?.does !== 'rewrite' || region === undefined) return body.headerSizeBytes;
  const own = Buffer.from(body.headerBytes.subarray(0, region.end));
  return body.headerSizeBytes - own.length + rewriteHeader(own, step.wish).length;
}

function stepOf(
  region: Region,
  next: Region | undefined,
  facts: readonly RegionFacts[],
  at: number,
  { allowsUtf8Headers = false }: ConversionWish,
): Step | undefined {
  const own = facts[at] as RegionFacts;
  if (region.is === 'leaf') return encoderStep(region, own);
  if (!own.isPlain || (own.octets8 > 0 && !allowsUtf8Headers)) return undefined;
  if (region.is === 'fixed' || region.part === undefined) return { does: 'copy' };
  const { part, isMessage = false } = region;
  const isIdentity = part.encoding === '8bit' || part.encoding === 'binary';
  const leaf =
    next?.is === 'leaf' && next.part === part ? encodingOf(next, facts[at + 1] as RegionFacts) : undefined;
  const encoding = leaf === undefined || leaf === 'none' ? '7bit' : leaf;
  if (encoding === '7bit' && !isIdentity) return { does: 'copy' };
  if (region.end - region.start > headerOctetsMax) return undefined;
  return { does: 'rewrite', wish: { encoding, isMessage, has8bit: (facts[at + 1]?.octets8 ?? 0) > 0 } };
}

function encoderStep(region: Region, facts: RegionFacts): Step | undefined {
  switch (encodingOf(region, facts)) {
    case 'base64':
      return { does: 'encode', encoder: base64Encoder };
    case 'quoted-printable':
      return { does: 'encode', encoder: quotedPrintableEncoder };
    case 'none':
      return { does: 'copy' };
    case undefined:
      return undefined;
  }
}

/** How a body is to be encoded; `undefined` when it says that it is encoded already, and is not. */
function encodingOf(
  { part }: Region,
  { octets, octets8, isPlain, lineMax }: RegionFacts,
): 'none' | 'quoted-printable' | 'base64' | undefined {
  const said = part?.encoding ?? '7bit';
  const isShort = lineMax <= lineOctetsMax || said === '7bit';
  if (octets8 === 0 && isPlain && isShort) return 'none';
  if (said !== '7bit' && said !== '8bit' && said !== 'binary') return undefined;
  // Quoted-printable stays readable, and is shorter as long as few octets need it.
  return part?.type === 'text' && isPlain && octets8 * 6 <= octets ? 'quoted-printable' : 'base64';
}

/** Few pieces instead of many small ones: each may become a chunk of its own. */
async function* gathered(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let octets = 0;
  for await (const piece of stream) {
    pieces.push(piece);
    octets += piece.length;
    if (octets < pieceOctetsMin) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    octets = 0;
  }
  if (octets > 0) yield Buffer.concat(pieces);
}

async function* convert(
  body: Body,
  regions: readonly Region[],
  steps: readonly Step[],
): AsyncGenerator<Uint8Array> {
  let at = 0;
  let offset = 0;
  let worker = workerOf(steps[0]);
  for await (const chunk of body.open()) {
    let from = 0;
    while (from < chunk.length) {
      const { end } = regions[at] as Region;
      const to = Math.min(chunk.length, from + end - offset);
      const written = worker.push(chunk.subarray(from, to));
      if (written.length > 0) yield written;
      offset += to - from;
      from = to;
      if (offset < end) continue;
      const last = worker.end();
      if (last.length > 0) yield last;
      worker = workerOf(steps[++at]);
    }
  }
}

interface Worker {
  push(piece: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

const nothing = Buffer.alloc(0);
const copier: Worker = { push: (piece) => piece, end: () => nothing };

function workerOf(step: Step | undefined): Worker {
  if (step === undefined || step.does === 'copy') return copier;
  if (step.does === 'encode') return step.encoder();
  const pieces: Uint8Array[] = [];
  return {
    push(piece) {
      pieces.push(piece);
      return nothing;
    },
    end: () => rewriteHeader(Buffer.concat(pieces), step.wish),
  };
}
