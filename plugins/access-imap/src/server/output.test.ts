/** Output over buffers that connections share one after another. */
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { Output } from './output.js';
import { SpareBuffers } from './spare-buffers.js';

/** A target that takes octets at once as a socket does, or keeps them by reference until it is let go. */
function target(): { stream: Writable; taken: Buffer[]; hold(): void; release(): void } {
  const taken: Buffer[] = [];
  let isHeld = false;
  let held: { chunk: Buffer; done: () => void } | undefined;
  const stream = new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      if (isHeld) held = { chunk, done };
      else {
        taken.push(Buffer.from(chunk));
        done();
      }
    },
  });
  return {
    stream,
    taken,
    hold() {
      isHeld = true;
    },
    release() {
      isHeld = false;
      if (held === undefined) return;
      taken.push(Buffer.from(held.chunk));
      held.done();
      held = undefined;
    },
  };
}

test('a buffer goes back once everything is taken, and serves the next connection', () => {
  const spares = new SpareBuffers();
  const one = target();
  const first = spares.take();
  spares.give(first);
  const output = new Output(one.stream, spares);
  output.writeBytes(Buffer.from('octets'));
  output.write(' and text');
  output.flush();
  expect(Buffer.concat(one.taken).toString()).toBe('octets and text');
  expect(spares.take()).toBe(first);
});

test('what the client has not taken yet is not written over by others', () => {
  const spares = new SpareBuffers();
  const slow = target();
  slow.hold();
  const late = new Output(slow.stream, spares);
  late.writeBytes(Buffer.alloc(20_000, 'a'));
  late.flush();
  const other = target();
  const output = new Output(other.stream, spares);
  for (let at = 0; at < 3; at++) {
    output.writeBytes(Buffer.alloc(20_000, 'b'));
    output.flush();
  }
  slow.release();
  expect(Buffer.concat(slow.taken).equals(Buffer.alloc(20_000, 'a'))).toBe(true);
  expect(Buffer.concat(other.taken).equals(Buffer.alloc(60_000, 'b'))).toBe(true);
});

test('a stream that compresses keeps what it was given', () => {
  const spares = new SpareBuffers();
  const first = spares.take();
  spares.give(first);
  const packed = target();
  const output = new Output(packed.stream, spares);
  let flushes = 0;
  output.redirect(packed.stream, () => flushes++);
  output.writeBytes(Buffer.from('octets'));
  output.flush();
  expect(flushes).toBe(1);
  expect(spares.take()).not.toBe(first);
});
