/** Maildir: a file for each message, flags in its name, keywords as Dovecot keeps them in `dovecot-keywords`. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Spool } from '@postroad/core';
import { linesOf, withLineFeeds } from './lines.js';
import { type ArrivingMessage, type LeavingMessage, LineWriter } from './transferred-message.js';

const letters: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['P', '$Forwarded'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
];
const keywordsFile = 'dovecot-keywords';
/** Keywords have the letters from a to z. */
const keywordsMax = 26;

/** Writes messages as a Maildir with LF line ends; what is there already stays. Resolves to their number. */
export async function writeMaildir(path: string, messages: AsyncIterable<LeavingMessage>): Promise<number> {
  for (const folder of ['cur', 'new', 'tmp'])
    await mkdir(join(path, folder), { recursive: true, mode: 0o700 });
  const keywords = await readKeywords(path);
  let count = 0;
  for await (const { entry, body } of messages) {
    const seconds = Math.floor(entry.internalDateMs / 1_000);
    const unique = `${seconds}.M${entry.uid}P${process.pid}V${entry.messageId}.postroad`;
    const temporary = join(path, 'tmp', unique);
    const stream = createWriteStream(temporary, { flags: 'wx', mode: 0o600 });
    await pipeline(Readable.from(withLineFeeds(body.open())), stream);
    await utimes(temporary, seconds, seconds);
    await rename(temporary, join(path, 'cur', `${unique}:2,${lettersOf(entry.flags, keywords)}`));
    count++;
  }
  const lines = keywords.map((keyword, index) => `${index} ${keyword}\n`);
  if (lines.length > 0) await writeFile(join(path, keywordsFile), lines.join(''), { mode: 0o600 });
  return count;
}

/** How many messages a Maildir has. */
export async function countMaildir(path: string): Promise<number> {
  const files = await Promise.all(['cur', 'new'].map((folder) => messagesIn(join(path, folder))));
  return files.reduce((sum, names) => sum + names.length, 0);
}

/** Reads the messages of a Maildir, oldest first by name. Line ends become CRLF. */
export async function* readMaildir(path: string, spool: Spool): AsyncGenerator<ArrivingMessage> {
  const keywords = await readKeywords(path);
  const files: (readonly [name: string, folder: string])[] = [];
  for (const folder of ['cur', 'new']) {
    for (const name of await messagesIn(join(path, folder))) files.push([name, folder]);
  }
  files.sort(([a], [b]) => (Number.parseInt(a, 10) || 0) - (Number.parseInt(b, 10) || 0) || (a < b ? -1 : 1));
  for (const [name, folder] of files) {
    const file = join(path, folder, name);
    const writer = new LineWriter(spool);
    const { mtimeMs } = await stat(file);
    for await (const piece of linesOf(createReadStream(file))) await writer.line(piece);
    const flags = folder === 'new' ? [] : flagsOf(name, keywords);
    yield { body: await writer.finish(), flags, internalDateMs: Math.floor(mtimeMs) };
  }
}

async function messagesIn(directory: string): Promise<readonly string[]> {
  const found = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as { readonly code?: unknown }).code === 'ENOENT') return [];
    throw error;
  });
  return found.filter((file) => file.isFile() && !file.name.startsWith('.')).map((file) => file.name);
}

async function readKeywords(path: string): Promise<string[]> {
  const text = await readFile(join(path, keywordsFile), 'utf8').catch(() => '');
  const keywords: string[] = [];
  for (const line of text.split('\n')) {
    const [, index, keyword] = /^(\d{1,2}) (\S+)$/.exec(line) ?? [];
    if (keyword !== undefined && Number(index) < keywordsMax) keywords[Number(index)] = keyword;
  }
  return Array.from(keywords, (keyword, index) => keyword ?? `unknown-${index}`);
}

/** The letters of a file's name, in order of the alphabet; learns keywords while there are letters. */
function lettersOf(flags: readonly string[], keywords: string[]): string {
  const found: string[] = [];
  for (const flag of flags) {
    const letter = letters.find(([, known]) => known.toLowerCase() === flag.toLowerCase())?.[0];
    if (letter !== undefined) found.push(letter);
    else if (!flag.startsWith('\\')) {
      if (!keywords.includes(flag) && keywords.length < keywordsMax) keywords.push(flag);
      const index = keywords.indexOf(flag);
      if (index >= 0) found.push(String.fromCharCode(97 + index));
    }
  }
  return found.sort().join('');
}

function flagsOf(name: string, keywords: readonly string[]): readonly string[] {
  const marked = /:2,([A-Za-z]*)$/.exec(name)?.[1] ?? '';
  return [...marked].flatMap((letter) => {
    const flag = letters.find(([known]) => known === letter)?.[1] ?? keywords[letter.charCodeAt(0) - 97];
    return flag === undefined ? [] : [flag];
  });
}
