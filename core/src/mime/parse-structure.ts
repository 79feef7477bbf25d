/**
 * The structure of a message in one pass over its octets: iterative, bounded, and without ever failing. Whatever is
 * not MIME comes out as a leaf. A part of type multipart always has a child, and one of type message/rfc822 or
 * message/global always has its message, so that what is made of it is always valid IMAP.
 */
import type { Body } from '../body/body.js';
import { type EntityFields, readEntityFacts, readEntityFields, readEnvelope } from './entity-header.js';
import { impliedChild, type Mutable, newPart } from './new-part.js';
import type { MessageEnvelope, MessageStructure, MimePart } from './structure.js';
import { structureLimits } from './structure-limits.js';

/** A parsed message with what is needed of its header beside the structure. */
export interface ParsedMessage extends MessageStructure {
  /** The `References` field as it stands (RFC 5322 section 3.6.4). */
  readonly references: string | null;
}

/**
 * Reads `prefix` + `body` once; offsets count from the start of `prefix`. Rejects only when the body can't be read.
 */
export async function parseStructure(prefix: string, body: Body): Promise<ParsedMessage> {
  const parser = new StructureParser();
  if (prefix !== '') parser.feed(Buffer.from(prefix));
  if (body.inline !== undefined) parser.feed(asBuffer(body.inline));
  else for await (const chunk of body.open()) parser.feed(asBuffer(chunk));
  return parser.finish();
}

/** An entity being read. */
interface Frame {
  readonly part: Mutable<MimePart>;
  readonly children: MimePart[];
  /** The boundary of a multipart while its parts are awaited. */
  boundary: string | undefined;
  /** Line feeds before its body. */
  lineAtBody: number;
}

/** The outermost entity. */
interface TopEntity {
  readonly envelope: MessageEnvelope;
  readonly references: string | null;
  readonly part: MimePart;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const hyphen = 0x2d;
/** A boundary has up to 70 characters (RFC 2046 section 5.1.1); broken ones may be longer. */
const delimiterOctetsMax = 1_024;

class StructureParser {
  readonly #frames: Frame[] = [];
  /** For each awaited boundary the places of its frames, innermost last. */
  readonly #boundaries = new Map<string, number[]>();
  #header: Buffer[] | undefined = [];
  #headerOctets = 0;
  #headerOctetsInAll = 0;
  #headerStart = 0;
  #parts = 0;
  /** Octets before the line at hand, line feeds before it, and how the line before it ended. */
  #offset = 0;
  #line = 0;
  #previousBreak = 0;
  #carry: Buffer[] = [];
  #carryOctets = 0;
  #top: TopEntity | undefined;

  feed(chunk: Buffer): void {
    let at = 0;
    if (this.#carryOctets > 0) {
      const newline = chunk.indexOf(lineFeed);
      at = newline < 0 ? chunk.length : newline + 1;
      this.#keepCarry(chunk.subarray(0, at));
      if (newline < 0) return;
      this.#endCarry();
    }
    for (;;) {
      const newline = chunk.indexOf(lineFeed, at);
      if (newline < 0) break;
      this.#takeLine(chunk, at, newline + 1, newline + 1 - at);
      at = newline + 1;
    }
    if (at < chunk.length) this.#keepCarry(chunk.subarray(at));
  }

  finish(): ParsedMessage {
    if (this.#carryOctets > 0) this.#endCarry();
    this.#endHeaders(this.#offset);
    this.#closeFrames(0, this.#offset, this.#line);
    const { envelope, references, part } = this.#top as TopEntity;
    return { envelope, references, structure: part };
  }

  /** Of a line that spans chunks only as much is kept as can matter. */
  #keepCarry(piece: Buffer): void {
    const room =
      (this.#header === undefined ? delimiterOctetsMax : structureLimits.headerOctets) - this.#carryOctets;
    if (room > 0) this.#carry.push(piece.subarray(0, room));
    // How the line ends must be known even when its middle is dropped.
    if (room < piece.length) this.#carry.push(piece.subarray(Math.max(room, piece.length - 2, 0)));
    this.#carryOctets += piece.length;
  }

  #endCarry(): void {
    const line = Buffer.concat(this.#carry);
    const length = this.#carryOctets;
    this.#carry = [];
    this.#carryOctets = 0;
    this.#takeLine(line, 0, line.length, length);
  }

  /** A line with its line break, if it has one; `length` is its true length when the middle was dropped. */
  #takeLine(buffer: Buffer, start: number, end: number, length: number): void {
    const lineBreak = lineBreakAt(buffer, start, end);
    const isDelimiter =
      buffer[start] === hyphen && this.#takeDelimiter(buffer, start, end - lineBreak, length);
    this.#offset += length;
    if (lineBreak > 0) this.#line++;
    if (isDelimiter) this.#headerStart = this.#offset;
    else if (this.#header !== undefined) this.#takeHeaderLine(buffer, start, end, lineBreak);
    this.#previousBreak = lineBreak;
  }

  #takeHeaderLine(buffer: Buffer, start: number, end: number, lineBreak: number): void {
    if (end - start === lineBreak) {
      this.#endHeader(this.#offset);
      return;
    }
    const room = Math.min(
      structureLimits.headerOctets - this.#headerOctets,
      structureLimits.headerOctetsInAll - this.#headerOctetsInAll,
    );
    const kept = Math.min(room, end - start);
    this.#headerOctets += kept;
    this.#headerOctetsInAll += kept;
    if (kept > 0) this.#header?.push(buffer.subarray(start, start + kept));
  }

  /** Whether the line is the delimiter of an open multipart (RFC 2046 section 5.1.1); acts on it. */
  #takeDelimiter(buffer: Buffer, start: number, end: number, length: number): boolean {
    if (this.#boundaries.size === 0 || length > delimiterOctetsMax || buffer[start + 1] !== hyphen)
      return false;
    const text = buffer.toString('latin1', start + 2, end).trimEnd();
    let boundary = text;
    let places = this.#boundaries.get(text);
    const isLast = places === undefined && text.endsWith('--');
    if (isLast) {
      boundary = text.slice(0, -2).trimEnd();
      places = this.#boundaries.get(boundary);
    }
    const place = places?.at(-1);
    if (place === undefined) return false;
    // The line break before the delimiter belongs to it.
    const bodyEnd = this.#offset - this.#previousBreak;
    this.#endHeaders(Math.max(this.#headerStart, bodyEnd));
    this.#closeFrames(place + 1, bodyEnd, this.#line - (this.#previousBreak > 0 ? 1 : 0));
    if (isLast) this.#forgetBoundary(this.#frames[place] as Frame);
    else this.#startHeader();
    return true;
  }

  #startHeader(): void {
    this.#header = [];
    this.#headerOctets = 0;
  }

  /** The message or part ends inside a header section; what it would have held is empty. */
  #endHeaders(bodyStart: number): void {
    while (this.#header !== undefined) this.#endHeader(bodyStart);
  }

  /** The header section at hand is complete: `bodyStart` is behind it. */
  #endHeader(bodyStart: number): void {
    const lines = this.#header ?? [];
    this.#header = undefined;
    const fields = readEntityFields(lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines));
    const parent = this.#frames.at(-1);
    const part = this.#makePart(fields, parent, bodyStart);
    if (parent === undefined) this.#setTop(fields, part);
    else if (parent.part.type === 'message')
      parent.part.message = { envelope: readEnvelope(fields), structure: part };
    else parent.children.push(part);
    this.#openFrame(part, bodyStart);
  }

  #setTop(fields: EntityFields, part: MimePart): void {
    this.#top = { envelope: readEnvelope(fields), references: fields.get('references') ?? null, part };
  }

  #makePart(fields: EntityFields, parent: Frame | undefined, bodyStart: number): Mutable<MimePart> {
    const isInDigest = parent?.part.type === 'multipart' && parent.part.subtype === 'digest';
    this.#parts++;
    return newPart(readEntityFacts(fields, isInDigest), this.#headerStart, bodyStart);
  }

  #openFrame(part: Mutable<MimePart>, bodyStart: number): void {
    const frame: Frame = { part, children: [], boundary: undefined, lineAtBody: this.#line };
    part.children = frame.children;
    this.#frames.push(frame);
    if (isOutOfBounds(this.#frames.length, this.#parts, this.#headerOctetsInAll)) this.#makeOpaque(part);
    if (part.type === 'multipart') this.#awaitBoundary(frame);
    else if (isMessage(part)) {
      this.#headerStart = bodyStart;
      this.#startHeader();
    }
  }

  /** Beyond a limit all that follows is one leaf. */
  #makeOpaque(part: Mutable<MimePart>): void {
    const isLast = this.#parts >= structureLimits.parts;
    if (isLast) this.#boundaries.clear();
    else if (part.type !== 'multipart' && !isMessage(part)) return;
    part.type = 'application';
    part.subtype = 'octet-stream';
    part.parameters = [];
  }

  #awaitBoundary(frame: Frame): void {
    const named = frame.part.parameters.find(([name]) => name === 'boundary')?.[1].trimEnd();
    if (named === undefined || named === '') return;
    // Delimiters are compared octet by octet, so the text goes back to octets here.
    frame.boundary = Buffer.from(named).toString('latin1');
    const places = this.#boundaries.get(frame.boundary);
    if (places === undefined) this.#boundaries.set(frame.boundary, [this.#frames.length - 1]);
    else places.push(this.#frames.length - 1);
  }

  #forgetBoundary(frame: Frame): void {
    if (frame.boundary === undefined) return;
    const places = this.#boundaries.get(frame.boundary);
    places?.pop();
    if (places?.length === 0) this.#boundaries.delete(frame.boundary);
    frame.boundary = undefined;
  }

  /** Closes all frames from `depth` on: their bodies end at `offset`, with `line` line feeds before that. */
  #closeFrames(depth: number, offset: number, line: number): void {
    while (this.#frames.length > depth) {
      const frame = this.#frames.pop() as Frame;
      this.#forgetBoundary(frame);
      frame.part.bodyEnd = Math.max(frame.part.bodyStart, offset);
      frame.part.lines = Math.max(0, line - frame.lineAtBody);
      if (frame.part.type === 'multipart' && frame.children.length === 0) {
        frame.children.push(impliedChild(frame.part));
      }
    }
  }
}

function isMessage(part: MimePart): boolean {
  return part.type === 'message' && (part.subtype === 'rfc822' || part.subtype === 'global');
}

function isOutOfBounds(depth: number, parts: number, headerOctetsInAll: number): boolean {
  return (
    depth >= structureLimits.depth ||
    parts >= structureLimits.parts ||
    headerOctetsInAll >= structureLimits.headerOctetsInAll
  );
}

function lineBreakAt(buffer: Buffer, start: number, end: number): number {
  if (buffer[end - 1] !== lineFeed) return 0;
  return end - start > 1 && buffer[end - 2] === carriageReturn ? 2 : 1;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
