/** Looking up by asking recursive servers, with a memory: the part of the resolver that knows no record types. */
import { getServers } from 'node:dns';
import { type BoundedCache, boundedCache } from '../cache.js';
import { MailError } from '../errors.js';
import type { Clock } from '../services/clock.js';
import type { Random } from '../services/random.js';
import { type DnsServerAddress, exchange } from './exchange.js';
import type { DnsRecord, DnsResponse, DnsType } from './wire.js';

/** What looking up needs. */
export interface LookUpOptions {
  /** Recursive servers as `address`, `address:port` or `[address]:port`; the system's by default. */
  readonly servers?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** How long to wait for one server; doubled with each round. Default 2 seconds. */
  readonly timeoutMs?: number;
  /** How often each server is asked; default 2. */
  readonly rounds?: number;
  /** Most answers remembered; default 10,000. */
  readonly entriesMax?: number;
  /** Most questions asked at once, others wait; default 256. */
  readonly questionsMax?: number;
}

/** Records and whether a validating server vouches for them (the AD bit). */
export interface DnsAnswers {
  readonly records: readonly DnsRecord[];
  readonly isAuthentic: boolean;
}

/** A day: what is remembered longer has been renumbered meanwhile. */
const ttlSecondsMax = 86_400;
/** RFC 2308 section 5 allows three hours; a domain that was just set up should not wait that long. */
const negativeTtlSecondsMax = 300;
/** For an empty answer that does not say how long it holds. */
const negativeTtlSecondsDefault = 60;
const aliasesMax = 8;

/** Looks a name up; safe to call concurrently. */
export type LookUp = (name: string, type: DnsType, signal?: AbortSignal) => Promise<DnsAnswers>;

interface Flight {
  readonly answers: Promise<DnsAnswers>;
  readonly stop: AbortController;
  waiting: number;
}

/** Looks up through the cache; who asks the same at the same time shares the question. */
export function createLookUp(options: LookUpOptions): LookUp {
  const cache = boundedCache<string, DnsAnswers>({
    entriesMax: options.entriesMax ?? 10_000,
    clock: options.clock,
  });
  const flights = new Map<string, Flight>();
  const resolve = createResolution(options, cache);
  return async (name, type, signal) => {
    const key = `${type} ${name}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    let flight = flights.get(key);
    if (flight === undefined) {
      const stop = new AbortController();
      flight = { answers: resolve(name, type, stop.signal), stop, waiting: 0 };
      flights.set(key, flight);
      const forget = forgetting(flights, key, flight);
      // Everybody who waited may have gone away when it fails; who still waits hears of it.
      flight.answers.then(forget, forget);
    }
    return await waitFor(flight, signal, forgetting(flights, key, flight));
  };
}

function forgetting(flights: Map<string, Flight>, key: string, flight: Flight): () => void {
  return () => {
    if (flights.get(key) === flight) flights.delete(key);
  };
}

/** Waits until the signal aborts; the last one to leave stops the question. */
async function waitFor(
  flight: Flight,
  signal: AbortSignal | undefined,
  forget: () => void,
): Promise<DnsAnswers> {
  if (signal === undefined) {
    flight.waiting++;
    return await flight.answers;
  }
  flight.waiting++;
  let leave = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => {
      flight.waiting--;
      if (flight.waiting === 0) {
        forget();
        flight.stop.abort(signal.reason);
      }
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([flight.answers, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Asks until the chain of aliases ends at records, and remembers the end under the first name. */
function createResolution(
  options: LookUpOptions,
  cache: BoundedCache<string, DnsAnswers>,
): (name: string, type: DnsType, signal: AbortSignal) => Promise<DnsAnswers> {
  const query = createQuery(options);
  return async (name, type, signal) => {
    let target = name;
    let isAuthentic = true;
    let ttlSeconds = ttlSecondsMax;
    const seen = new Set<string>();
    while (seen.size < aliasesMax && !seen.has(target)) {
      seen.add(target);
      const response = await query(target, type, signal);
      const found = follow(response, target, type);
      isAuthentic &&= response.isAuthentic;
      ttlSeconds = Math.min(ttlSeconds, found.ttlSeconds);
      if (found.records.length > 0 || found.target === target) {
        const answers = { records: found.records, isAuthentic };
        if (found.records.length === 0) ttlSeconds = Math.min(ttlSeconds, negativeTtl(response));
        cache.set(`${type} ${name}`, answers, ttlSeconds * 1000);
        return answers;
      }
      target = found.target;
    }
    // A circle of aliases, or a chain without end, will not mend by itself: there is none.
    const none: DnsAnswers = { records: [], isAuthentic: false };
    cache.set(`${type} ${name}`, none, negativeTtlSecondsDefault * 1000);
    return none;
  };
}

function negativeTtl(response: DnsResponse): number {
  return Math.min(negativeTtlSecondsMax, response.negativeTtlSeconds ?? negativeTtlSecondsDefault);
}

interface Followed {
  readonly records: readonly DnsRecord[];
  readonly target: string;
  readonly ttlSeconds: number;
}

/** The records at the end of the aliases that stand in one response; what else stands there is not believed. */
function follow(response: DnsResponse, name: string, type: DnsType): Followed {
  let target = name;
  let ttlSeconds = ttlSecondsMax;
  for (let step = 0; step < aliasesMax; step++) {
    const records = response.records.filter((record) => record.name === target && record.type === type);
    for (const record of records) ttlSeconds = Math.min(ttlSeconds, record.ttlSeconds);
    if (records.length > 0) return { records, target, ttlSeconds };
    const alias = response.records.find((record) => record.name === target && record.type === 'CNAME');
    if (alias?.type !== 'CNAME' || alias.value === target) break;
    ttlSeconds = Math.min(ttlSeconds, alias.ttlSeconds);
    target = alias.value;
  }
  // The end of the chain is known not to exist: asking again would give the same.
  if (response.rcode === 'NXDOMAIN' || response.negativeTtlSeconds !== undefined) target = name;
  return { records: [], target, ttlSeconds };
}

/** Asks one server after another, in rounds with growing patience. */
function createQuery(
  options: LookUpOptions,
): (name: string, type: DnsType, signal: AbortSignal) => Promise<DnsResponse> {
  const servers = (options.servers ?? getServers()).map(parseServer);
  const enter = createGate(options.questionsMax ?? 256);
  return async (name, type, signal) => {
    const leave = await enter();
    try {
      let cause: unknown;
      for (let round = 0; round < (options.rounds ?? 2); round++) {
        for (const server of servers) {
          signal.throwIfAborted();
          const timeoutMs = (options.timeoutMs ?? 2_000) * 2 ** round;
          const exchanged = {
            server,
            name,
            type,
            timeoutMs,
            clock: options.clock,
            random: options.random,
            signal,
          };
          try {
            let response = await exchange({ ...exchanged, edns: true });
            // RFC 6891 section 7: a server that does not know EDNS is asked without it.
            if (response.rcode === 'FORMERR' || response.rcode === 'NOTIMP')
              response = await exchange({ ...exchanged, edns: false });
            if (response.rcode === 'NOERROR' || response.rcode === 'NXDOMAIN') return response;
            cause = new MailError('E_DNS', `${name} ${type}: the server answers ${response.rcode}`);
          } catch (error) {
            cause = error;
          }
        }
      }
      throw new MailError('E_DNS', `${name} ${type} can not be looked up for now`, { cause });
    } finally {
      leave();
    }
  };
}

/** Lets in so many at once; each calls what it got when it is done. */
function createGate(most: number): () => Promise<() => void> {
  let inside = 0;
  const waiting: (() => void)[] = [];
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) inside--;
    else next();
  };
  return async () => {
    if (inside < most) inside++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return leave;
  };
}

function parseServer(text: string): DnsServerAddress {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = /^([^:]+)(?::(\d+))?$/.exec(text);
  const [, address, port] = bracketed ?? plain ?? [undefined, text, undefined];
  return { address: address as string, port: port === undefined ? 53 : Number(port) };
}
