/** Putting a message together from parts of others (CATENATE, RFC 4469). */
import { type Body, isMailError } from '@postroad/core';
import { type AppendPart, cutRange, parseMessageUrl, sectionRange, selectFields } from '../protocol/index.js';
import { readSectionHeader } from './fetch-body.js';
import { wantMailbox } from './find-mailbox.js';
import { no, type Outcome } from './outcome.js';
import type { Session } from './session.js';

/** The finished message, or why there is none. */
export type Catenated = { readonly body: Body } | { readonly refusal: Outcome };

/** Makes one message of its parts. Literals are taken from the front of `bodies`, which stays their owner. */
export async function catenate(
  session: Session,
  parts: readonly AppendPart[],
  bodies: Body[],
): Promise<Catenated> {
  const sources: (() => AsyncIterable<Uint8Array>)[] = [];
  const opened: Body[] = [];
  let sizeBytes = 0;
  try {
    for (const part of parts) {
      const source = part.part === 'url' ? await openUrl(session, part.url, opened) : nextLiteral(bodies);
      if (source === undefined) return { refusal: no('the URL names nothing here', badUrl(part)) };
      sizeBytes += source.sizeBytes;
      sources.push(source.read);
    }
    const limit = session.server.limits.messageOctetsMax;
    if (sizeBytes > limit) return { refusal: no('the message is too large', 'TOOBIG') };
    return { body: await session.server.spool.store(joined(sources), limit) };
  } finally {
    for (const body of opened) await body.release();
  }
}

interface Source {
  readonly sizeBytes: number;
  read(): AsyncIterable<Uint8Array>;
}

async function* joined(sources: readonly (() => AsyncIterable<Uint8Array>)[]): AsyncGenerator<Uint8Array> {
  for (const read of sources) yield* read();
}

function nextLiteral(bodies: Body[]): Source | undefined {
  const body = bodies.shift();
  return body === undefined ? undefined : { sizeBytes: body.sizeBytes, read: () => body.open() };
}

/** RFC 4469 section 3: the URL that failed is told. */
function badUrl(part: AppendPart): string | undefined {
  if (part.part !== 'url') return undefined;
  return /^[\u0020-\u005c\u005e-\u007e]{1,1000}$/.test(part.url) ? `BADURL ${part.url}` : 'BADURL';
}

async function openUrl(session: Session, text: string, opened: Body[]): Promise<Source | undefined> {
  const url = parseMessageUrl(text);
  if (url === undefined) return undefined;
  const { store } = session.server;
  const wanted = await wantMailbox(session, url.mailbox, 'r');
  if (wanted.refusal !== undefined) return undefined;
  const { mailbox } = wanted;
  if ((url.uidValidity ?? mailbox.uidValidity) !== mailbox.uidValidity) return undefined;
  const [entry] = await entriesOf(session, mailbox.id, url.uid);
  const [message] = entry === undefined ? [] : await store.messages([entry.messageId]);
  const body = message === undefined ? undefined : await store.open(message.messageId);
  if (message === undefined || body === undefined) return undefined;
  opened.push(body);
  const range = sectionRange(message.structure, body.sizeBytes, url.section);
  if (range === undefined) return undefined;
  if (range.fields !== undefined) {
    const header = await readSectionHeader(body, range);
    const bytes = Buffer.from(selectFields(header, range.fields.names, range.fields.isExcluded), 'latin1');
    const { start, end } = cutRange({ start: 0, end: bytes.length }, url.partial);
    return { sizeBytes: end - start, read: () => only(bytes.subarray(start, end)) };
  }
  const cut = cutRange(range, url.partial);
  return { sizeBytes: cut.end - cut.start, read: () => body.open(cut) };
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function entriesOf(session: Session, mailboxId: string, uid: number) {
  try {
    return await session.server.store.entries(mailboxId, { first: uid, last: uid });
  } catch (error) {
    if (isMailError(error, 'E_NOT_FOUND')) return [];
    throw error;
  }
}
