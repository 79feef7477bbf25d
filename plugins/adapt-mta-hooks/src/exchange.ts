/** One HTTP exchange with a service: a document out, with the message streamed into it, and a document back. */
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Body, lookUpWith, MailError, type Resolver } from '@postroad/core';
import { decodeCbor, encodeCbor, head, type Plain } from './cbor.js';

/** What is sent. */
export interface ExchangeOptions {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly serialization: 'json' | 'cbor';
  readonly document?: { readonly [key: string]: Plain | undefined };
  /** Goes in as `rawMessage`. */
  readonly rawMessage?: Body | undefined;
  readonly resolver: Resolver;
  readonly answerOctetsMax: number;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface ExchangeAnswer {
  readonly status: number;
  /** `undefined` when there was nothing, or when the status says that it is no answer. */
  readonly document: Plain | undefined;
}

const types = { json: 'application/json', cbor: 'application/cbor' } as const;

/** Exchanges; rejects with `E_PEER` when there is no whole answer. Redirections are answers: they are not followed. */
export async function exchange(options: ExchangeOptions): Promise<ExchangeAnswer> {
  const { url, method, serialization, resolver, signal } = options;
  const content = options.document === undefined ? undefined : contentOf(options);
  const headers = {
    ...options.headers,
    accept: types[serialization],
    ...(content !== undefined && {
      'content-type': types[serialization],
      'content-length': String(content.octets),
    }),
  };
  const send = url.protocol === 'https:' ? secureRequest : plainRequest;
  const request = send(url, { method, headers, signal, agent: false, lookup: lookUpWith(resolver, signal) });
  const responded = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', (cause) => reject(new MailError('E_PEER', 'the service was not reached', { cause })));
  });
  // It may answer before it has read everything.
  const sent = pipeline(Readable.from(content?.stream() ?? [], { objectMode: false }), request).catch(
    () => undefined,
  );
  try {
    return await readAnswer(await responded, options.answerOctetsMax);
  } finally {
    request.destroy();
    await sent;
  }
}

/** The document's octets, the message last in it. */
function contentOf({ document = {}, rawMessage, serialization }: ExchangeOptions) {
  if (serialization === 'json') return jsonContent(document, rawMessage);
  if (rawMessage === undefined) return whole(encodeCbor(document));
  const fields = Object.entries(document).filter((entry): entry is [string, Plain] => entry[1] !== undefined);
  const before = Buffer.concat([
    head(5, fields.length + 1),
    ...fields.flatMap(([key, value]) => [encodeCbor(key), encodeCbor(value)]),
    encodeCbor('rawMessage'),
    head(2, rawMessage.sizeBytes),
  ]);
  return {
    octets: before.length + rawMessage.sizeBytes,
    async *stream() {
      yield before;
      yield* rawMessage.open();
    },
  };
}

function jsonContent(document: { readonly [key: string]: Plain | undefined }, rawMessage: Body | undefined) {
  const text = JSON.stringify(document);
  if (rawMessage === undefined) return whole(Buffer.from(text));
  const before = Buffer.from(`${text.slice(0, -1)}${text === '{}' ? '' : ','}"rawMessage":"`);
  return {
    octets: before.length + Math.ceil(rawMessage.sizeBytes / 3) * 4 + 2,
    async *stream() {
      yield before;
      let rest: Buffer = Buffer.alloc(0);
      for await (const octets of rawMessage.open()) {
        // Base64 goes by threes.
        const joined = Buffer.concat([rest, octets]);
        const even = joined.length - (joined.length % 3);
        if (even > 0) yield Buffer.from(joined.toString('base64', 0, even));
        rest = joined.subarray(even);
      }
      yield Buffer.from(`${rest.toString('base64')}"}`);
    },
  };
}

function whole(octets: Buffer) {
  return {
    octets: octets.length,
    async *stream() {
      yield octets;
    },
  };
}

async function readAnswer(response: IncomingMessage, octetsMax: number): Promise<ExchangeAnswer> {
  const status = response.statusCode ?? 0;
  if (status !== 200 && status !== 201) {
    response.destroy();
    return { status, document: undefined };
  }
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > octetsMax) throw new MailError('E_PEER', `the service sent more than ${octetsMax} octets`);
    chunks.push(chunk);
  }
  if (octets === 0) return { status, document: undefined };
  const type = (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  try {
    const joined = Buffer.concat(chunks);
    const isCbor = type === types.cbor;
    return { status, document: isCbor ? decodeCbor(joined) : (JSON.parse(joined.toString('utf8')) as Plain) };
  } catch (cause) {
    throw new MailError('E_PEER', 'the service sent something that can not be read', { cause });
  }
}
