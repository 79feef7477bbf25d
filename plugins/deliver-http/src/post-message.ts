/** One POST request with a message, streamed. */
import { type ClientRequest, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock, QueuedMessage, Resolver } from '@postroad/core';

/** What is sent where. */
export interface PostOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: QueuedMessage;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly signal: AbortSignal;
}

/** What the server answered. */
export interface PostAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of what it wrote. */
  readonly words: string;
}

const wordsOctetsMax = 1_000;

/** Sends it; rejects when there is no answer. Redirections are answers: they are not followed. */
export async function postMessage(options: PostOptions): Promise<PostAnswer> {
  const stop = new AbortController();
  const timer = options.clock.after(options.timeoutMs, () => stop.abort(new Error('no answer in time')));
  try {
    return await exchange(options, AbortSignal.any([options.signal, stop.signal]));
  } finally {
    timer.cancel();
  }
}

async function exchange(options: PostOptions, signal: AbortSignal): Promise<PostAnswer> {
  const { url, headers, message, resolver } = options;
  const send = url.protocol === 'https:' ? secureRequest : plainRequest;
  const request = send(url, { method: 'POST', headers, signal, lookup: lookUpWith(resolver, signal) });
  const answered = answerTo(request);
  // A server may refuse before it has read everything: then its answer counts, not the broken stream.
  const sent = pipeline(Readable.from(contentOf(message), { objectMode: false }), request);
  const [answer] = await Promise.all([answered, sent.catch(() => undefined)]);
  return answer;
}

function answerTo(request: ClientRequest): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      let words = '';
      response.on('data', (chunk: Buffer) => {
        if (words.length < wordsOctetsMax) words += chunk.toString('utf8');
      });
      response.on('error', reject);
      response.on('end', () => {
        const retryAfter = response.headers['retry-after'];
        resolve({ status: response.statusCode ?? 0, retryAfter, words: words.slice(0, 200) });
      });
    });
  });
}

async function* contentOf(message: QueuedMessage): AsyncGenerator<Uint8Array> {
  if (message.headerPrefix !== '') yield Buffer.from(message.headerPrefix);
  yield* message.body.open();
}

function lookUpWith(resolver: Resolver, signal: AbortSignal): LookupFunction {
  return (name, how, done) => {
    resolver.addresses(name, signal).then(
      (found) => {
        const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const [first] = addresses;
        if (first === undefined) done(new Error(`${name} has no address`), '');
        else if (how.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, ''),
    );
  };
}
