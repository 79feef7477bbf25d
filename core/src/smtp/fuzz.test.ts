import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionState } from '../context/connection.js';
import { createMetrics } from '../services/metrics-registry.js';
import { systemClock } from '../services/system-clock.js';
import { type TakenMessage, takeEverything } from '../testing/test-receiver.js';
import { createReceiver } from './create-receiver.js';
import { defaultReceiverLimits } from './receiver.js';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

interface Outcome {
  readonly replies: string;
  readonly messages: readonly TakenMessage[];
}

/** Gives a receiver the octets cut at the places, and returns all it says and takes. */
async function converse(
  octets: Buffer,
  cuts: readonly number[],
  profile: 'strict' | 'legacy',
): Promise<Outcome> {
  const messages: TakenMessage[] = [];
  const policy = takeEverything(messages, [], { opened: 0, closed: 0 });
  const receiver = createReceiver({
    hostname: 'mx.example.org',
    protocol: 'smtp',
    tls: 'none',
    isTlsRequired: false,
    hasAuth: true,
    isPlaintextAuthAllowed: true,
    profile,
    greetingDelayMs: 0,
    clock: systemClock,
    log,
    metrics: createMetrics(),
    limits: { ...defaultReceiverLimits, sizeBytesMax: 400, commandOctetsMax: 100, errorsMax: 1_000 },
    policy,
  });
  let replies = '';
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      replies += chunk.toString('latin1');
      done();
    },
  });
  const facts = { protocol: 'smtp', role: 'relay', listener: 't', localAddress: '', localPort: 0 } as const;
  const connection = new ConnectionState({
    ...facts,
    id: 'c',
    remoteAddress: '',
    remotePort: 0,
    openedAtMs: 0,
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  receiver.serve(
    { socket: socket as Socket, connection, startTls: () => Promise.reject(new Error('no TLS')) },
    new AbortController().signal,
  );
  const places = [0, ...[...cuts, ...behindData(octets)].sort((a, b) => a - b), octets.length];
  for (let index = 1; index < places.length; index++) {
    const piece = octets.subarray(places[index - 1], places[index]);
    // Copied: the receiver owns what it is given and takes dots off in place.
    if (piece.length > 0) socket.push(Buffer.from(piece));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.push(null);
  await closed;
  return { replies, messages };
}

/** A client waits for the answer to DATA: octets that come with it are another case, and refused. */
function behindData(octets: Buffer): number[] {
  const places: number[] = [];
  for (let at = octets.indexOf('DATA\r\n'); at >= 0; at = octets.indexOf('DATA\r\n', at + 1))
    places.push(at + 6);
  return places;
}

const line = fc.constantFrom(
  'EHLO client.example\r\n',
  'NOOP\r\n',
  'RSET\r\n',
  'MAIL FROM:<a@b.example>\r\n',
  'RCPT TO:<bob@example.org>\r\n',
  'DATA\r\n',
  '.\r\n',
  '..\r\n',
  '...x\r\n',
  '\r\n',
  'text\r\n',
  '.text\r\n',
  '\n',
  '\r',
  '\r\n.',
  '\0',
  'é',
  'AUTH PLAIN\r\n',
  'AUTH LOGIN dTE=\r\n',
  'AHUAcA==\r\n',
  '*\r\n',
  'BDAT 7\r\nhello\r\n',
  'BDAT 5 LAST\r\n.\r\nx\n',
  'BDAT 0 LAST\r\n',
  `NOOP ${'x'.repeat(120)}\r\n`,
);
const transaction = fc
  .array(line, { maxLength: 12 })
  .map(
    (lines) =>
      `EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nDATA\r\n${lines.join('')}\r\n.\r\n`,
  );
const script = fc
  .array(fc.oneof(line, transaction), { minLength: 1, maxLength: 12 })
  .map((parts) => Buffer.from(`EHLO client.example\r\n${parts.join('')}QUIT\r\n`));

describe('the stream of octets', () => {
  it.each(['strict', 'legacy'] as const)(
    '%s: cut at any places it gives the same replies and messages as the whole',
    async (profile) => {
      // fast-check prints its seed and the smallest script that fails.
      await fc.assert(
        fc.asyncProperty(script, fc.array(fc.nat(2_000), { maxLength: 40 }), async (octets, wishes) => {
          const cuts = wishes.map((wish) => wish % octets.length);
          const whole = await converse(octets, [], profile);
          const pieces = await converse(octets, cuts, profile);
          expect(pieces).toEqual(whole);
        }),
        { numRuns: 50, endOnFailure: false },
      );
    },
    60_000,
  );

  it('takes no first line of dots for the end, wherever it is cut', async () => {
    const octets = Buffer.from(
      'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nDATA\r\n..\r\nMAIL FROM:<e@f.example>\r\n.\r\nQUIT\r\n',
    );
    for (let cut = octets.indexOf('..'); cut < octets.length; cut++) {
      const { messages } = await converse(octets, [cut], 'strict');
      expect(messages.map(({ content }) => content)).toEqual(['.\r\nMAIL FROM:<e@f.example>\r\n']);
    }
  });

  it('gives the same when every octet comes alone', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (octets) => {
        const cuts = Array.from(octets.keys());
        expect(await converse(octets, cuts, 'strict')).toEqual(await converse(octets, [], 'strict'));
      }),
      { numRuns: 10 },
    );
  }, 60_000);
});
