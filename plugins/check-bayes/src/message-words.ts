/** The words of a message: of its subject and sender, of its text, of links and of attachments' names. */
import {
  type Body,
  charsetDecoder,
  decodeHeaderValue,
  type MimePart,
  parseAddressList,
  structureOf,
  transferDecoder,
} from '@postroad/core';
import { splitWords } from './split-words.js';
import { type Tokens, tokensOf } from './tokens.js';

/** Encoded octets of one part that are decoded. */
const partOctetsMax = 131_072;
const partsMax = 20;
const linksMax = 50;
const fieldLengthMax = 40;

/** The tokens of a message, of at most so many words. */
export async function tokensOfMessage(body: Body, wordsMax: number): Promise<Tokens> {
  return tokensOf(await wordsOfMessage(body, wordsMax));
}

/** The words, those of the header marked by where they stand. */
export async function wordsOfMessage(body: Body, wordsMax: number): Promise<readonly string[]> {
  const words: string[] = [];
  const { header } = body;
  const split = (text: string) => splitWords(decodeHeaderValue(text), wordsMax);
  words.push(...split(header.get('subject') ?? '').map((word) => `subject:${word}`));
  for (const { mailbox, host, name } of (parseAddressList(header.get('from') ?? '') ?? []).slice(0, 3)) {
    if (mailbox !== null && host !== null)
      words.push(`from:${mailbox}@${host}`.toLowerCase(), `from:${host}`.toLowerCase());
    if (name !== null) words.push(...split(name).map((word) => `name:${word}`));
  }
  for (const field of ['x-mailer', 'user-agent', 'list-id'] as const) {
    const value = header.get(field);
    if (value !== undefined) words.push(`${field}:${value.slice(0, fieldLengthMax)}`);
  }
  const { structure } = await structureOf(body);
  for (const part of leaves(structure)) {
    if (words.length >= wordsMax) break;
    words.push(`type:${part.type}/${part.subtype}`);
    if (part.type !== 'text') continue;
    const text = await textOf(body, part);
    const room = wordsMax - words.length;
    words.push(...wordsOfText(part.subtype === 'html' ? htmlText(text) : text, room));
  }
  return words.slice(0, wordsMax);
}

/** The words of plain text, no more than asked for; of links their hosts too, wherever they stand. */
function wordsOfText(text: string, most: number): readonly string[] {
  const hosts = [...text.matchAll(/https?:\/\/([a-z0-9.-]{1,253})/gi)].slice(0, linksMax);
  return [
    ...hosts.map((match) => `url:${match[1]?.toLowerCase()}`),
    ...splitWords(text, most - hosts.length),
  ];
}

/** What can be read of HTML, and where its links lead. */
function htmlText(html: string): string {
  const links = [...html.matchAll(/\bhref\s*=\s*["']?(https?:\/\/[^"'\s>]{1,300})/gi)].slice(0, linksMax);
  const text = withoutTags(html)
    .replace(/&nbsp;/gi, ' ')
    .replace(/&#(\d{1,7});/g, (_all, code: string) => fromCode(Number(code)))
    .replace(/&amp;/gi, '&');
  return `${links.map((match) => match[1]).join(' ')} ${text}`;
}

/** In one pass, whatever is open and never closed: a pattern would look for each end up to the last octet. */
function withoutTags(html: string): string {
  const lower = html.toLowerCase();
  const texts: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) break;
    texts.push(html.slice(at, open));
    const isComment = lower.startsWith('<!--', open);
    const hidden = /^<(style|script)\b/.exec(lower.slice(open, open + 8))?.[1];
    const end = isComment ? '-->' : hidden === undefined ? '>' : `</${hidden}`;
    const close = lower.indexOf(end, open);
    if (close < 0) return texts.join('');
    at = close + end.length;
    // Words are not parted by emphasis, which spam uses inside of them; by everything else they are.
    if (!isComment && !/^<\/?(?:b|i|u|em|font|span|strong)\b/.test(lower.slice(open, open + 10)))
      texts.push(' ');
  }
  texts.push(html.slice(at));
  return texts.join('');
}

function fromCode(code: number): string {
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ' ';
}

async function textOf(body: Body, { bodyStart, bodyEnd, encoding, parameters }: MimePart): Promise<string> {
  const octets = transferDecoder(encoding);
  const characters = charsetDecoder(parameters.find(([name]) => name === 'charset')?.[1]);
  let text = '';
  for await (const chunk of body.open({
    start: bodyStart,
    end: Math.min(bodyEnd, bodyStart + partOctetsMax),
  }))
    text += characters.write(octets.write(Buffer.from(chunk)));
  return text + characters.write(octets.end()) + characters.end();
}

function leaves(structure: MimePart): readonly MimePart[] {
  const found: MimePart[] = [];
  const open = [structure];
  for (let part = open.pop(); part !== undefined && found.length < partsMax; part = open.pop()) {
    const inner = part.message === null ? part.children : [part.message.structure];
    if (inner.length === 0) found.push(part);
    for (let at = inner.length - 1; at >= 0; at--) open.push(inner[at] as MimePart);
  }
  return found;
}
