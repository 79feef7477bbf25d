/** One question to one rspamd: the message streamed as the body of a POST, its answer, and a rewritten content. */
import {
  type ClientRequest,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
} from 'node:http';
import { request as secureRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Body, lookUpWith, MailError, type Resolver, type Spool } from '@postroad/core';
import { type RspamdAnswer, readAnswer } from './answer.js';
import type { Connections } from './connections.js';

/** What is asked. */
export interface Question {
  readonly server: string;
  readonly fields: Readonly<Record<string, string | string[]>>;
  readonly body: Body;
  readonly resolver: Resolver;
  readonly spool: Spool;
  readonly rewrittenOctetsMax: number;
  /** Those that are kept for the next question. */
  readonly connections: Connections;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface Judgement {
  readonly answer: RspamdAnswer;
  /** The message with the content that rspamd has written; the caller owns it. */
  readonly rewritten: Body | undefined;
}

const answerOctetsMax = 4_194_304;

/** Asks; rejects with `E_PEER` when there is no whole answer. */
export async function askRspamd(question: Question): Promise<Judgement> {
  const first = openRequest(question, question.connections.of(question.server));
  let isAnswered = false;
  first.once('response', () => {
    isAnswered = true;
  });
  try {
    return await exchange(first, question);
  } catch (error) {
    // A connection that waited may be gone by the time it is used: that says nothing of the server.
    const isStale = first.reusedSocket && !isAnswered && !question.signal.aborted;
    if (!isStale) throw error;
    return await exchange(openRequest(question, false), question);
  }
}

async function exchange(request: ClientRequest, question: Question): Promise<Judgement> {
  const { body, signal } = question;
  const responded = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', (cause) => reject(new MailError('E_PEER', 'rspamd was not reached', { cause })));
  });
  // What is in memory goes out as it is. rspamd may answer before it has read everything: then its answer counts, not the
  // broken stream.
  const sent =
    body.inline === undefined
      ? pipeline(Readable.from(body.open(), { objectMode: false }), request).catch(() => undefined)
      : void request.end(body.inline);
  try {
    return await readResponse(await responded, question);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    // One that is answered whole is over already, and its connection may serve the next.
    request.destroy();
    await sent;
  }
}

function openRequest(
  { server, fields, resolver, signal }: Question,
  agent: RequestOptions['agent'],
): ClientRequest {
  const options: RequestOptions = { method: 'POST', headers: fields, signal, agent };
  if (server.startsWith('unix:')) {
    const socketPath = server.slice('unix:'.length);
    return plainRequest({ ...options, socketPath, path: '/checkv2', host: 'localhost' });
  }
  const url = new URL('/checkv2', server);
  const send = url.protocol === 'https:' ? secureRequest : plainRequest;
  return send(url, { ...options, lookup: lookUpWith(resolver, signal) });
}

async function readResponse(response: IncomingMessage, question: Question): Promise<Judgement> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new MailError('E_PEER', `rspamd answered with HTTP ${response.statusCode}`);
  }
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const offset = response.headers['message-offset'];
  if (offset === undefined) {
    const { head } = await readHead(chunks, Number.POSITIVE_INFINITY);
    return { answer: readAnswer(head), rewritten: undefined };
  }
  // The JSON goes up to the offset; what follows is the new content behind the header section.
  const octets = Number(offset);
  if (!Number.isSafeInteger(octets) || octets < 0 || octets > answerOctetsMax) {
    throw new MailError('E_PEER', 'rspamd gave a wrong Message-Offset');
  }
  const { head, rest } = await readHead(chunks, octets);
  if (head.length < octets) throw new MailError('E_PEER', "rspamd's answer ends early");
  const answer = readAnswer(head);
  const { body, spool, rewrittenOctetsMax } = question;
  const content = follow(body.headerBytes, rest, chunks);
  return { answer, rewritten: await spool.store(content, rewrittenOctetsMax + body.headerSizeBytes) };
}

/** Reads up to so many octets, and gives what it has read beyond them. */
async function readHead(
  chunks: AsyncIterator<Buffer>,
  octets: number,
): Promise<{ head: Buffer; rest: Buffer }> {
  const read: Buffer[] = [];
  let total = 0;
  while (total < octets) {
    const next = await chunks.next();
    if (next.done === true) break;
    total += next.value.length;
    read.push(next.value);
    if (octets === Number.POSITIVE_INFINITY && total > answerOctetsMax) {
      throw new MailError('E_PEER', `rspamd's answer is over ${answerOctetsMax} octets`);
    }
  }
  const whole = Buffer.concat(read);
  return { head: whole.subarray(0, octets), rest: whole.subarray(octets) };
}

async function* follow(
  first: Uint8Array,
  second: Uint8Array,
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Uint8Array> {
  yield first;
  if (second.length > 0) yield second;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}
