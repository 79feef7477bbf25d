/** Reads a message once for its structure, and its attachments as far as rules want to know them. */
import {
  type Body,
  type Message,
  type MimePart,
  type Spool,
  structureOf,
  transferDecoder,
} from '@postroad/core';
import { attachmentName } from './attachment-name.js';
import type { ContentFacts } from './facts.js';
import { type Found, type LookParts, lookInto } from './look-into.js';
import type { CheckContentConfig } from './options.js';
import { isZip, opaqueArchives, realTypeOf, sniffOctets } from './real-type.js';

/** Decodes and looks; rejects when the body or the spool can't be read. */
export async function gatherFacts(
  message: Message,
  spool: Spool,
  config: CheckContentConfig,
  signal: AbortSignal,
): Promise<ContentFacts> {
  const { body, receivedAtMs } = message;
  const { structure } = await structureOf(body);
  const { parts, depth } = walk(structure);
  const found: Found = { attachments: [], archives: [] };
  const budget = { entries: config.archiveEntriesMax, unpackedBytes: config.unpackedBytesMax };
  const look: LookParts = { spool, config, budget, found, signal };
  for (const part of parts.slice(0, config.partsMax)) {
    signal.throwIfAborted();
    if (isFile(part)) await lookAtPart(body, part, look);
  }
  return {
    header: body.header,
    structure,
    parts,
    depth,
    sizeBytes: body.sizeBytes,
    attachments: found.attachments,
    archives: found.archives,
    receivedAtMs,
  };
}

/** Leaves that are not the text to read, and text that is attached. */
function isFile(part: MimePart): boolean {
  if (part.children.length > 0 || part.message !== null) return false;
  const isNamed = attachmentName(part) !== '';
  return isNamed || part.type !== 'text' || part.disposition?.value === 'attachment';
}

async function lookAtPart(body: Body, part: MimePart, look: LookParts): Promise<void> {
  const name = attachmentName(part);
  const first = await beginning(body, part);
  const realType = realTypeOf(first);
  const sizeBytes = decodedSize(part);
  look.found.attachments.push({
    name,
    inside: [],
    claimedType: `${part.type}/${part.subtype}`,
    ...(realType === undefined ? {} : { realType }),
    sizeBytes,
  });
  const shown = name === '' ? '(no name)' : name;
  if (realType !== undefined && opaqueArchives.has(realType)) {
    look.found.archives.push({ name: shown, problem: 'opaque' });
    return;
  }
  if (!isZip(name, realType, `${part.type}/${part.subtype}`)) return;
  const archive = await look.spool.store(decoded(body, part));
  try {
    await lookInto(archive, [shown], look);
  } finally {
    await archive.release();
  }
}

async function beginning(body: Body, part: MimePart): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Four octets of base64 are three; quoted-printable may need three for one.
  const end = Math.min(part.bodyEnd, part.bodyStart + 4 * sniffOctets);
  for await (const chunk of decoded(body, { ...part, bodyEnd: end })) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= sniffOctets) break;
  }
  return Buffer.concat(chunks);
}

async function* decoded(
  body: Body,
  { encoding, bodyStart, bodyEnd }: Pick<MimePart, 'encoding' | 'bodyStart' | 'bodyEnd'>,
): AsyncGenerator<Buffer> {
  const decoder = transferDecoder(encoding);
  for await (const chunk of body.open({ start: bodyStart, end: bodyEnd }))
    yield decoder.write(Buffer.from(chunk));
  yield decoder.end();
}

function decodedSize({ encoding, bodyStart, bodyEnd }: MimePart): number {
  const octets = bodyEnd - bodyStart;
  // Lines of 76 characters and their ends (RFC 2045 section 6.8).
  return encoding === 'base64' ? Math.floor((octets * 76 * 3) / (78 * 4)) : octets;
}

/** All entities, the first one first, and how deep they go; without recursion, for a sender chooses the depth. */
function walk(structure: MimePart): { readonly parts: readonly MimePart[]; readonly depth: number } {
  const parts: MimePart[] = [];
  const open: { readonly part: MimePart; readonly depth: number }[] = [{ part: structure, depth: 1 }];
  let deepest = 1;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { part, depth } = next;
    parts.push(part);
    deepest = Math.max(deepest, depth);
    const inner = part.message === null ? part.children : [part.message.structure];
    for (let at = inner.length - 1; at >= 0; at--)
      open.push({ part: inner[at] as MimePart, depth: depth + 1 });
  }
  return { parts, depth: deepest };
}
