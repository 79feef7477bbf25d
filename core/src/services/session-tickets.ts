/**
 * The keys of TLS session tickets (RFC 5077, RFC 8446 section 4.6.1): one set for all processes of a server, and for all
 * of its certificates, so that a session goes on with another worker, after a reload, and after a certificate was swapped.
 */
import { hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import { MailError, messageOf } from '../errors.js';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

/** Keys for contexts. */
export interface SessionTickets {
  /** Lets a context make and read tickets with these keys; does nothing when it does so already. */
  prepare(context: SecureContext): void;
}

/** Where the keys stand, for another process of the same server; those of the past can not be made from it. */
export interface TicketState {
  readonly period: number;
  /** In hex. */
  readonly secret: string;
}

/** Keys that are made here. */
export interface OwnSessionTickets extends SessionTickets {
  state(): TicketState;
}

/** Keys that all machines make of one file. */
export interface SharedSessionTickets extends SessionTickets {
  /** Reads the file; throws `E_TLS` naming it. */
  start(): Promise<void>;
}

/** OpenSSL lets a ticket live for two hours: with the key before this one each can be read until its end. */
const periodMs = 2 * 3_600_000;
const secretOctets = 32;
/** Two years at once; who was away for longer comes to it in several handshakes, which are in full until then. */
const stepsMax = 10_000;

interface TicketKey {
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
}

type FindKeys = () => { readonly current: TicketKey; readonly others: readonly TicketKey[] };

/**
 * Keys of a secret that is never written down. Each period's secret is made from the one before, which is forgotten: what
 * is stolen from memory opens no recorded session that is older than two periods.
 */
export function createSessionTickets(clock: Clock, random: Random, from?: TicketState): OwnSessionTickets {
  let period = from?.period ?? periodAt(clock);
  let secret: Buffer =
    from === undefined ? Buffer.from(random.bytes(secretOctets)) : Buffer.from(from.secret, 'hex');
  let current = keyOf(secret, 'key');
  let before: TicketKey | undefined;
  const advance = (): void => {
    // A clock that goes back changes nothing.
    const steps = Math.min(periodAt(clock) - period, stepsMax);
    if (steps <= 0) return;
    let previous: Buffer = secret;
    for (let step = 0; step < steps; step++) {
      previous = secret;
      secret = derive(previous, 'next', secretOctets);
    }
    period += steps;
    before = keyOf(previous, 'key');
    current = keyOf(secret, 'key');
  };
  return {
    prepare: preparer(
      () => {
        advance();
        return { current, others: before === undefined ? [] : [before] };
      },
      (octets) => random.bytes(octets),
    ),
    state() {
      advance();
      return { period, secret: secret.toString('hex') };
    },
  };
}

/**
 * Keys of a file that several machines have, for a period each. Who gets hold of the file can read the sessions of TLS 1.2
 * that were recorded since it was made: it is to be replaced now and then. TLS 1.3 agrees on new keys each time.
 */
export function createSharedTickets(file: string, clock: Clock, random: Random): SharedSessionTickets {
  let secret: Buffer | undefined;
  let period = Number.NaN;
  let keys: ReturnType<FindKeys> | undefined;
  const find: FindKeys = () => {
    if (secret === undefined) throw new MailError('E_TLS', `${file} was not read yet`);
    const now = periodAt(clock);
    if (keys === undefined || now !== period) {
      const [current, before, after] = [0, -1, 1].map((by) => keyOf(secret as Buffer, `key ${now + by}`));
      // Clocks of several machines differ: the next key is read already.
      keys = { current: current as TicketKey, others: [before as TicketKey, after as TicketKey] };
      period = now;
    }
    return keys;
  };
  return {
    prepare: preparer(find, (octets) => random.bytes(octets)),
    async start() {
      try {
        const octets = await readFile(file);
        if (octets.length < secretOctets || octets.length > 4_096)
          throw new Error(`it has ${octets.length} octets, ${secretOctets} to 4096 are allowed`);
        secret = octets;
      } catch (cause) {
        throw new MailError('E_TLS', `${file} has no secret for TLS sessions: ${messageOf(cause)}`, {
          cause,
        });
      }
    },
  };
}

function periodAt(clock: Clock): number {
  return Math.floor(clock.now() / periodMs);
}

function derive(secret: Buffer, purpose: string, octets: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `postroad session tickets: ${purpose}`, octets));
}

function keyOf(secret: Buffer, purpose: string): TicketKey {
  const octets = derive(secret, purpose, 48);
  return { name: octets.subarray(0, 16), hmac: octets.subarray(16, 32), aes: octets.subarray(32) };
}

/**
 * What Node.js asks for the keys of a ticket. It is how its own tests rotate keys, but is not in its documents, which
 * know one key only: where it is missing each context has a key of its own, and sessions end with their process.
 */
interface TicketHandle {
  onticketkeycallback?: (name: Buffer, iv: Buffer, isNew: boolean) => readonly unknown[];
  enableTicketKeyCallback?: () => void;
  setSessionIdContext?: (id: string) => void;
}

const refused = 0;
const taken = 1;
const takenAndRenewed = 2;

function preparer(find: FindKeys, bytes: (octets: number) => Uint8Array): SessionTickets['prepare'] {
  const prepared = new WeakSet<SecureContext>();
  return (context) => {
    if (prepared.has(context)) return;
    prepared.add(context);
    const handle = context.context as TicketHandle;
    if (handle.enableTicketKeyCallback === undefined) return;
    // Without one, a session with a certificate of the client can't go on.
    handle.setSessionIdContext?.('postroad');
    // It must not throw: nothing is above it.
    handle.onticketkeycallback = (name, _iv, isNew) => {
      const { current, others } = find();
      if (isNew) return [taken, current.hmac, current.aes, current.name, Buffer.from(bytes(16))];
      if (current.name.equals(name)) return [taken, current.hmac, current.aes];
      const other = others.find((one) => one.name.equals(name));
      if (other === undefined) return [refused, current.hmac, current.aes];
      return [takenAndRenewed, other.hmac, other.aes];
    };
    handle.enableTicketKeyCallback();
  };
}
