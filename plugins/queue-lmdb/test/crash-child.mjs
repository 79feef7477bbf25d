// Works a queue as fast as it can until it is killed. Says on stdout what it was promised, a line each:
// With CRASH_POINT and CRASH_AT it kills itself when it comes to that point for so many times.
// `put ID` once a message is durable, `settling ID` before it is settled as done, `done ID` after it.
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { bodyFromBytes, defaultEnvelopeParameters, systemClock } from '@postroad/core';
import { openLmdbQueueStore } from '@postroad/queue-lmdb';

const [directory, round, failing] = process.argv.slice(2);
/** Says it before anything else happens, however slowly the pipe is read. */
function say(line) {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const owner = `round-${round}`;
const nowMs = 1_700_000_000_000;

/** A body that the store must copy into a file of its own, as large ones are. */
function fileBody(bytes) {
  const body = bodyFromBytes(bytes);
  return new Proxy(body, {
    get: (of, key) => (key === 'inline' ? undefined : Reflect.get(of, key)),
  });
}

const random = { bytes: randomBytes };
// Small, so that everything happens often.
const limits = { segmentBytesMax: 256 * 1024, youngBytesMax: 96 * 1024, youngMsMax: 50, partMax: 20 };
let timesLeft = Number(process.env.CRASH_AT ?? 1);
function crashPoint(name) {
  if (name !== process.env.CRASH_POINT || --timesLeft > 0) return;
  say(`died ${name}`);
  process.kill(process.pid, 'SIGKILL');
}
const store = await openLmdbQueueStore({ directory, log, clock: systemClock, random, limits, crashPoint });
await store.start(owner, nowMs);
let count = 0;

async function work() {
  for (;;) {
    const number = count++;
    const id = `r${round}-${String(number).padStart(6, '0')}`;
    const bytes = Buffer.from(`Subject: ${id}\r\n\r\n${id.repeat(50)}\r\n`);
    const message = {
      id,
      reversePath: { localPart: 'alice', domain: 'example.org' },
      parameters: defaultEnvelopeParameters,
      headerPrefix: '',
      body: number % 7 === 0 ? fileBody(bytes) : bodyFromBytes(bytes),
      origin: { protocol: 'esmtp', listener: 'test', remoteAddress: '127.0.0.1', helloName: 'client' },
      receivedAtMs: nowMs,
      expiresAtMs: nowMs + 1000,
      recipients: ['a', 'b'].map((localPart) => ({
        address: { localPart, domain: `d${number % 5}.test` },
        site: 'new',
      })),
    };
    try {
      await store.put(message, { owner, untilMs: nowMs + 3_600_000 });
      say(`put ${id}`);
      if (number % 3 === 0) {
        say(`settling ${id}`);
        await store.settle(
          owner,
          [0, 1].map((index) => ({ messageId: id, index, to: 'done' })),
        );
        say(`done ${id}`);
      } else if (number % 3 === 1) {
        await store.settle(owner, [{ messageId: id, index: 1, to: 'waiting', dueAtMs: nowMs + number }]);
      }
    } catch (error) {
      if (failing === undefined) throw error;
      say(`failed ${id} ${error.code}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

say('ready');
await Promise.all(Array.from({ length: 20 }, work));
