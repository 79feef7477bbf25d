/** Looking for text in the decoded content of a message (RFC 9051 section 6.4.4, BODY and TEXT), by streaming it. */
import type { Body, ByteRange } from '../body/body.js';
import { charsetDecoder, decodeHeaderValue, transferDecoder } from './decode-text.js';
import { foldText } from './fold-text.js';
import type { MessageStructure, MimePart } from './structure.js';

/** Parts looked at in one message. */
const partsMax = 10_000;
const headerOctetsMax = 1_048_576;

/** Whether the folded text occurs in the body's text parts, or, with `hasHeader`, in the headers too. */
export async function containsText(
  message: Pick<MessageStructure, 'structure'>,
  body: Body,
  folded: string,
  hasHeader: boolean,
): Promise<boolean> {
  const { structure } = message;
  if (hasHeader && (await headerContains(body, structure, folded))) return true;
  for (const part of textParts(structure)) {
    // RFC 9051 section 6.4.4: the header of the message itself is not part of BODY, those of its parts are.
    if (part !== structure && (await headerContains(body, part, folded))) return true;
    if (part.children.length > 0 || part.message !== null) continue;
    if (part.type === 'text' && (await partContains(body, part, folded))) return true;
  }
  return false;
}

/** The decoded fields of a header section, each `Name: value`. */
export async function headerText(body: Body, range: ByteRange): Promise<string> {
  const chunks: Buffer[] = [];
  const end = Math.min(range.end, range.start + headerOctetsMax);
  if (end <= body.headerBytes.length) chunks.push(Buffer.from(body.headerBytes.subarray(range.start, end)));
  else for await (const chunk of body.open({ start: range.start, end })) chunks.push(Buffer.from(chunk));
  const raw = Buffer.concat(chunks).toString('utf8');
  return raw
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .map(decodeHeaderValue)
    .join('\n');
}

async function headerContains(body: Body, part: MimePart, folded: string): Promise<boolean> {
  const text = await headerText(body, { start: part.headerStart, end: part.bodyStart });
  return foldText(text).includes(folded);
}

/** The part and all below it, those of messages inside included, first to last. */
function textParts(structure: MimePart): MimePart[] {
  const found: MimePart[] = [];
  const open = [structure];
  while (open.length > 0 && found.length < partsMax) {
    const part = open.pop() as MimePart;
    found.push(part);
    if (part.message !== null) open.push(part.message.structure);
    for (let at = part.children.length - 1; at >= 0; at--) open.push(part.children[at] as MimePart);
  }
  return found;
}

function partContains(body: Body, part: MimePart, folded: string): boolean | Promise<boolean> {
  const transfer = transferDecoder(part.encoding);
  const decoder = charsetDecoder(part.parameters.find(([name]) => name === 'charset')?.[1]);
  let tail = '';
  const isIn = (text: string) => {
    const joined = tail + foldText(text);
    tail = joined.slice(Math.max(0, joined.length - folded.length + 1));
    return joined.includes(folded);
  };
  const take = (chunk: Uint8Array) =>
    isIn(decoder.write(transfer.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))));
  const end = () => isIn(decoder.write(transfer.end()) + decoder.end());
  if (body.inline !== undefined) return take(body.inline.subarray(part.bodyStart, part.bodyEnd)) || end();
  return streamUntil(body.open({ start: part.bodyStart, end: part.bodyEnd }), take).then(
    (found) => found || end(),
  );
}

async function streamUntil(
  chunks: AsyncIterable<Uint8Array>,
  isFound: (chunk: Uint8Array) => boolean,
): Promise<boolean> {
  for await (const chunk of chunks) if (isFound(chunk)) return true;
  return false;
}

/** A piece of a message's text; those of one header section or part follow each other. */
export interface TextPiece {
  readonly text: string;
  /** Whether it goes on from the piece before it. */
  readonly isMore: boolean;
}

/** All the text that `containsText` looks at, folded in the same way: for an index of it. */
export async function* foldedTexts(
  message: Pick<MessageStructure, 'structure'>,
  body: Body,
): AsyncGenerator<TextPiece> {
  for (const part of textParts(message.structure)) {
    const range = { start: part.headerStart, end: part.bodyStart };
    if (range.end > range.start) yield { text: foldText(await headerText(body, range)), isMore: false };
    if (part.children.length > 0 || part.message !== null || part.type !== 'text') continue;
    let isMore = false;
    for await (const text of partPieces(body, part)) {
      yield { text, isMore };
      isMore = true;
    }
  }
}

async function* partPieces(body: Body, part: MimePart): AsyncGenerator<string> {
  const transfer = transferDecoder(part.encoding);
  const decoder = charsetDecoder(part.parameters.find(([name]) => name === 'charset')?.[1]);
  for await (const chunk of body.open({ start: part.bodyStart, end: part.bodyEnd })) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    yield foldText(decoder.write(transfer.write(bytes)));
  }
  yield foldText(decoder.write(transfer.end()) + decoder.end());
}
