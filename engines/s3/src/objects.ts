/** The objects of a bucket: written whole or in parts, read in ranges, removed with what unfinished writes left. */
import { type ByteRange, cutInto, isMailError, MailError } from '@postroad/core';
import type { S3Options } from './config.js';
import type { S3Content } from './content.js';
import { abortUploads, writeInParts } from './multipart.js';
import { createSender, type S3Services } from './request.js';

/** A bucket. Its failures are `E_BODIES`. May be used concurrently. */
export interface S3Bucket {
  /** Whether the service answers and lets us in now; throws when it refuses, as for a bucket that is not there. */
  isReady(signal?: AbortSignal): Promise<boolean>;
  /** Writes an object; durable when it resolves. Writing the same again is harmless. */
  write(key: string, content: S3Content, signal?: AbortSignal): Promise<void>;
  /** Reads a part of an object. A part that is not there is a failure. */
  read(key: string, range: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Removes an object, and what unfinished writes of it left; one that is not there is removed already. */
  remove(key: string, signal?: AbortSignal): Promise<void>;
}

/** Opens a bucket; nothing is asked before the first call. */
export function openS3(options: S3Options, services: S3Services): S3Bucket {
  const send = createSender(options, services);
  const turn = createTurns(options.writesMax);

  async function write(key: string, content: S3Content, signal: AbortSignal): Promise<void> {
    if (content.sizeBytes > options.partBytes) {
      await writeInParts(send, { key, content, partBytes: options.partBytes }, signal);
      return;
    }
    for await (const part of cutInto(content.open(), options.partBytes)) {
      await send({ method: 'PUT', key, content: part }, signal);
      return;
    }
    await send({ method: 'PUT', key, content: new Uint8Array(0) }, signal);
  }

  async function* read(
    key: string,
    range: ByteRange,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    for (let at = range.start; at < range.end; ) {
      const last = Math.min(at + options.readBytes, range.end) - 1;
      const answer = await send({ method: 'GET', key, headers: { range: `bytes=${at}-${last}` } }, signal);
      // Who ignores the range sends the object from its beginning.
      const piece = answer.status === 206 ? answer.content : answer.content.subarray(at, last + 1);
      if (piece.length !== last + 1 - at) throw new MailError('E_BODIES', `the object ${key} is cut off`);
      yield piece;
      at += piece.length;
    }
  }

  return {
    async isReady(signal) {
      try {
        await send({ method: 'HEAD' }, signal);
        return true;
      } catch (error) {
        // Only what the service said itself has no other cause.
        if (isMailError(error) && error.cause === undefined) throw error;
        return false;
      }
    },
    async write(key, content, signal) {
      const stop = new AbortController();
      const late = new MailError('E_BODIES', 'an object could not be written in time');
      const timer = services.clock.after(options.writeTimeoutMs, () => stop.abort(late));
      const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
      try {
        await turn(() => write(key, content, either), either);
      } finally {
        timer.cancel();
      }
    },
    read: (key, range, signal) => read(key, range, signal),
    async remove(key, signal) {
      await send({ method: 'DELETE', key, accepts: [404] }, signal);
      await abortUploads(send, { key, name: `${options.prefix}${key}` }, signal);
    },
  };
}

/** At most so many at once; others wait in turn. */
function createTurns(max: number): <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T> {
  let active = 0;
  const waiting: (() => void)[] = [];
  return async (work, signal) => {
    if (active >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else active++;
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      // The place goes straight to who waits longest.
      const next = waiting.shift();
      if (next === undefined) active--;
      else next();
    }
  };
}
