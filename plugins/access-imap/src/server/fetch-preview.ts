/** PREVIEW (RFC 8970): the first words of a message. */
import {
  type Body,
  charsetDecoder,
  type MessageEnvelope,
  type MimePart,
  type StoredMessage,
  transferDecoder,
} from '@postroad/core';
import { writeString } from '../protocol/index.js';
import type { Session } from './session.js';

/** RFC 8970 section 3.1: at most 200 characters. */
const lengthMax = 200;
/** Octets of the part that are read for it. */
const readOctetsMax = 16_384;
const partsMax = 1000;

/** Previews made before, kept as long as the store keeps the message. */
const known = new WeakMap<MessageEnvelope, string>();

/** Writes the item. A lazy one is told only when it is known already. */
export async function writePreview(
  session: Session,
  isLazy: boolean,
  message: StoredMessage,
  body: Body,
): Promise<void> {
  let preview = known.get(message.envelope);
  if (preview === undefined && !isLazy) {
    preview = await makePreview(message.structure, body);
    known.set(message.envelope, preview);
  }
  const text = preview === undefined ? 'NIL' : writeString(preview, session.strings);
  session.wire.output.write(`PREVIEW ${text}`);
}

async function makePreview(structure: MimePart, body: Body): Promise<string> {
  const part = findText(structure, 'plain') ?? findText(structure, 'html');
  if (part === undefined) return '';
  const transfer = transferDecoder(part.encoding);
  const charset = charsetDecoder(part.parameters.find(([name]) => name === 'charset')?.[1]);
  const end = Math.min(part.bodyEnd, part.bodyStart + readOctetsMax);
  let text = '';
  for await (const chunk of body.open({ start: part.bodyStart, end })) {
    text += charset.write(transfer.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
  }
  text += charset.write(transfer.end());
  const plain = part.subtype === 'html' ? textOfHtml(text) : text;
  const words = plain.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim();
  return [...words.slice(0, lengthMax * 2)].slice(0, lengthMax).join('').trimEnd();
}

/** The first part of that kind that is not an attachment. */
function findText(structure: MimePart, subtype: string): MimePart | undefined {
  const open = [structure];
  for (let seen = 0; open.length > 0 && seen < partsMax; seen++) {
    const part = open.pop() as MimePart;
    if (part.type === 'text' && part.subtype === subtype && part.disposition?.value !== 'attachment')
      return part;
    for (let at = part.children.length - 1; at >= 0; at--) open.push(part.children[at] as MimePart);
  }
  return undefined;
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

function textOfHtml(html: string): string {
  return html
    .replace(/<(script|style|head|title)\b[^>]*>[\s\S]*?(?:<\/\1\s*>|$)/gi, ' ')
    .replace(/<!--[\s\S]*?(?:-->|$)/g, ' ')
    .replace(/<[^>]*(?:>|$)/g, ' ')
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
      if (name !== undefined) return entities[String(name).toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ' ';
    });
}
