/**
 * One signed request, tried again when it may help: the service did not answer, said that it is busy, or failed. Every
 * request that is made here may be sent twice. The one importer of aws4fetch.
 */
import { createHash } from 'node:crypto';
import { type Clock, isMailError, MailError, messageOf, type Random } from '@postroad/core';
import { AwsV4Signer } from 'aws4fetch';
import type { S3Options } from './config.js';

/** What requests need of the server. */
export interface S3Services {
  readonly clock: Clock;
  readonly random: Pick<Random, 'number'>;
  /** Told of every try. */
  onTry?(outcome: 'answered' | 'failed'): void;
}

/** One request. */
export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The object; the bucket itself when absent. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: Uint8Array<ArrayBuffer>;
  /** Answers that are no failure, beside 2xx. */
  readonly accepts?: readonly number[];
}

/** What was answered, whole. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly content: Buffer;
}

/** Sends requests. Throws `E_BODIES`: with a cause when there was no answer that counts, without one when it was refused. */
export type S3Sender = (request: S3Request, signal?: AbortSignal) => Promise<S3Answer>;

const retryDelayMsMin = 100;
const retryDelayMsMax = 5_000;

/** A sender for one bucket. */
export function createSender(options: S3Options, services: S3Services): S3Sender {
  const { clock, random, onTry } = services;
  const keys = new Map<string, ArrayBuffer>();

  async function once(request: S3Request, signal: AbortSignal | undefined): Promise<S3Answer> {
    const signed = await sign(options, request, clock, keys);
    const stop = new AbortController();
    const timer = clock.after(options.requestTimeoutMs, () => stop.abort(new Error('no answer in time')));
    try {
      const response = await fetch(signed.url, {
        method: request.method,
        headers: signed.headers,
        redirect: 'error',
        signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
        ...(request.content === undefined ? {} : { body: request.content }),
      });
      const content = Buffer.from(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, content };
    } finally {
      timer.cancel();
    }
  }

  return async (request, signal) => {
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        const answer = await once(request, signal);
        const isWanted = answer.status < 300 || request.accepts?.includes(answer.status) === true;
        onTry?.(isWanted || !isPassing(answer.status) ? 'answered' : 'failed');
        if (isWanted) return answer;
        failure = new Error(refusalOf(request, answer));
        if (!isPassing(answer.status)) throw new MailError('E_BODIES', messageOf(failure));
      } catch (error) {
        if (isMailError(error) || signal?.aborted === true) throw bodiesFault(error);
        if (failure === undefined) onTry?.('failed');
        failure ??= error;
      }
      if (attempt >= options.attemptsMax) throw bodiesFault(failure);
      const delayMs = Math.min(retryDelayMsMin * 4 ** (attempt - 1), retryDelayMsMax);
      await clock.sleep(delayMs * (0.5 + random.number()), signal);
    }
  };
}

async function sign(options: S3Options, request: S3Request, clock: Clock, keys: Map<string, ArrayBuffer>) {
  const url = urlOf(options, request);
  const { accessKeyId, secretAccessKey, region } = options;
  const digest = createHash('sha256')
    .update(request.content ?? '')
    .digest('hex');
  const signer = new AwsV4Signer({
    method: request.method,
    url: url.href,
    // The service checks that what it got is what was sent.
    headers: { ...request.headers, 'x-amz-content-sha256': digest },
    accessKeyId,
    secretAccessKey,
    region,
    service: 's3',
    cache: keys,
    datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
  });
  return await signer.sign();
}

function urlOf({ endpoint, bucket, style, prefix }: S3Options, { key, query }: S3Request): URL {
  const url = new URL(endpoint);
  if (style === 'host') url.hostname = `${bucket}.${url.hostname}`;
  const root = url.pathname.replace(/\/$/, '');
  const inBucket = style === 'path' ? `${root}/${bucket}` : root;
  url.pathname = key === undefined ? inBucket : `${inBucket}/${prefix}${key}`;
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  return url;
}

/** Whether another try may get another answer. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

function refusalOf({ method }: S3Request, { status, content }: S3Answer): string {
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(content.toString('latin1', 0, 4_096))?.[1];
  return `the service answered ${method} with ${status}${code === undefined ? '' : ` ${code}`}`;
}

function bodiesFault(cause: unknown): MailError {
  if (isMailError(cause)) return cause;
  return new MailError('E_BODIES', `bodies can not be kept or read now: ${messageOf(cause)}`, { cause });
}
