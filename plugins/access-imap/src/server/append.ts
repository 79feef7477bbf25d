/** APPEND (RFC 9051 section 6.3.12, RFC 4315): messages are streamed to the spool while they arrive. */
import type { Body, BodyWriter, Mailbox } from '@postroad/core';
import { type AppendCommand, type AppendMessage, formatSet, type LiteralEvent } from '../protocol/index.js';
import { catenate } from './catenate.js';
import { wantMailbox } from './find-mailbox.js';
import { lineEndFilter } from './line-ends.js';
import { refusalOfAppend } from './message-limit.js';
import { no, type Outcome, ok, outcomeOfError } from './outcome.js';
import type { Session } from './session.js';
import { textual } from './textual.js';
import { rightOfFlag } from './view.js';

/** Messages of the command being read, in the order they came. */
export interface Arrivals {
  readonly bodies: Body[];
  /** Why they can't be stored after all, such as a full disk. */
  failure: unknown;
  sizeBytes: number;
  /** Those of them that have a NUL. */
  readonly withNul: Set<Body>;
}

/** No messages yet. */
export function newArrivals(): Arrivals {
  return { bodies: [], failure: undefined, sizeBytes: 0, withNul: new Set() };
}

/** Gives up the bodies of a command; safe to call twice. */
export async function dropArrivals(arrivals: Arrivals): Promise<void> {
  for (const body of arrivals.bodies.splice(0)) await body.release();
  arrivals.failure = undefined;
  arrivals.sizeBytes = 0;
  arrivals.withNul.clear();
}

/** Whether a message may be sent: so that a client learns of a full or missing mailbox before it sends megabytes. */
export async function mayAppend(
  session: Session,
  arrivals: Arrivals,
  mailboxName: string,
  sizeOctets: number,
): Promise<Outcome | undefined> {
  const { store, limits } = session.server;
  if (sizeOctets > limits.messageOctetsMax) return no('the message is too large', 'TOOBIG');
  try {
    const wanted = await wantMailbox(session, mailboxName, 'i', 'TRYCREATE');
    if (wanted.refusal !== undefined) return wanted.refusal;
    const { usedBytes, limitBytes } = await store.quota(wanted.mailbox.accountId);
    const needed = usedBytes + arrivals.sizeBytes + sizeOctets;
    if (limitBytes !== undefined && needed > limitBytes) return no('the quota is exceeded', 'OVERQUOTA');
    return undefined;
  } catch (error) {
    session.server.log.error('imap append failed', { connection: session.connection.id, error });
    return no('the mailbox can not be reached now', 'UNAVAILABLE');
  }
}

/** Streams the literal that the reader was told to stream. `false` when the client is gone. */
export async function receiveMessage(
  session: Session,
  arrivals: Arrivals,
  literal: LiteralEvent,
): Promise<boolean> {
  const writer: BodyWriter = session.server.spool.writer();
  // What is sent as binary has line ends of its own (RFC 3516 section 4.4).
  const mend = literal.isBinary ? (octets: Uint8Array) => octets : lineEndFilter();
  arrivals.sizeBytes += literal.sizeOctets;
  let hasNul = false;
  for (;;) {
    const event = await session.wire.next();
    if (event?.kind !== 'octets') {
      await writer.abort();
      return false;
    }
    hasNul ||= literal.isBinary && event.bytes.includes(0);
    if (event.bytes.length > 0 && !writer.write(mend(event.bytes))) {
      // A writer that failed is found out by `finish`; the rest of the literal must be read all the same.
      await writer.drained().catch((error: unknown) => {
        arrivals.failure ??= error;
      });
    }
    if (event.isLast) break;
  }
  try {
    const body = await writer.finish();
    arrivals.bodies.push(body);
    if (hasNul) arrivals.withNul.add(body);
  } catch (error) {
    arrivals.failure ??= error;
  }
  return true;
}

/** APPEND: all messages or none (RFC 3502 section 6.3.11). */
export async function append(session: Session, command: AppendCommand, arrivals: Arrivals): Promise<Outcome> {
  if (arrivals.failure !== undefined) {
    session.server.log.error('imap append failed', {
      connection: session.connection.id,
      error: arrivals.failure,
    });
    return no('the message could not be stored', 'UNAVAILABLE');
  }
  const tooMany = refusalOfAppend(session, command.messages.length);
  if (tooMany !== undefined) return tooMany;
  const wanted = await wantMailbox(session, command.mailbox, 'i', 'TRYCREATE');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { mailbox, rights } = wanted;
  // RFC 4314 section 4: flags that one may not set are left out.
  const messages = command.messages.map((message) => ({
    ...message,
    flags: message.flags.filter((flag) => rights.includes(rightOfFlag(flag))),
  }));
  const made: Body[] = [];
  try {
    const bodies = [...arrivals.bodies];
    const whole: Body[] = [];
    for (const message of messages) {
      const isBinary = partsOf(message, bodies).some((part) => arrivals.withNul.has(part));
      const body = await bodyOf(session, message, bodies, made);
      if ('status' in body) return body;
      whole.push(isBinary ? await textual(session, body, made) : body);
    }
    const uids = await fileAll(session, mailbox, messages, whole);
    if (!Array.isArray(uids)) return uids;
    if (session.view?.mailboxId === mailbox.id) session.view.isStale = true;
    return ok('appended', `APPENDUID ${mailbox.uidValidity} ${formatSet(uids)}`);
  } finally {
    for (const body of made) await body.release();
  }
}

/** The literals that a message is made of. */
function partsOf({ parts }: AppendMessage, bodies: readonly Body[]): readonly Body[] {
  return bodies.slice(0, parts.filter(({ part }) => part === 'literal').length);
}

/** The content of one message; a CATENATE is put together first and noted in `made`. */
async function bodyOf(
  session: Session,
  message: AppendMessage,
  bodies: Body[],
  made: Body[],
): Promise<Body | Outcome> {
  const [first] = message.parts;
  if (message.parts.length === 1 && first?.part === 'literal') {
    const body = bodies.shift();
    if (body === undefined) throw new Error('a message of APPEND is missing');
    return body;
  }
  const catenated = await catenate(session, message.parts, bodies);
  if ('refusal' in catenated) return catenated.refusal;
  made.push(catenated.body);
  return catenated.body;
}

/** Files them all in one commit where the store can, else one after another; the UIDs, or why there are none. */
async function fileAll(
  session: Session,
  mailbox: Mailbox,
  messages: readonly AppendMessage[],
  bodies: readonly Body[],
): Promise<number[] | Outcome> {
  const { store, clock } = session.server;
  const place = { accountId: mailbox.accountId, mailbox: { id: mailbox.id } };
  const all = messages.map(({ flags, internalDateMs }, at) => ({
    message: { prefix: '', body: bodies[at] as Body, internalDateMs: internalDateMs ?? clock.now() },
    flags,
  }));
  if (all.length > 1) {
    const filed = await store.fileAll?.(place, all);
    if (typeof filed === 'string') return refusalFor(filed);
    if (filed !== undefined) return filed.map(({ uid }) => uid);
  }
  const uids: number[] = [];
  for (const { message, flags } of all) {
    const [filed] = await store.file(message, [{ ...place, flags }]);
    if (filed?.status === 'filed') {
      uids.push(filed.uid);
      continue;
    }
    await takeBack(session, mailbox, uids);
    return refusalFor(filed?.status ?? 'missing');
  }
  return uids;
}

function refusalFor(status: 'quota' | 'missing'): Outcome {
  return status === 'quota'
    ? no('the quota is exceeded', 'OVERQUOTA')
    : no('there is no such mailbox', 'TRYCREATE');
}

/** Removes the messages of an APPEND or COPY that could not be carried out whole. */
export async function takeBack(session: Session, mailbox: Mailbox, uids: readonly number[]): Promise<void> {
  if (uids.length === 0) return;
  try {
    await session.server.store.expunge(mailbox.id, uids);
  } catch (error) {
    if (outcomeOfError(error) === undefined) throw error;
  }
}
