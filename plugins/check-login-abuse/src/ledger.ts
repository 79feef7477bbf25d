/** What is remembered of logins, in the `Counters`: failures, logins under way, bans, and devices that are known. */
import { createHash } from 'node:crypto';
import type { Counters } from '@postroad/core';
import { networkOf } from './network.js';
import type { CheckLoginAbuseConfig } from './options.js';

/** What is counted. */
export type Scope = 'address' | 'network' | 'account';

/** One thing that failures are counted for. */
export interface Subject {
  readonly scope: Scope;
  /** An address, a network, or the login in lower case. */
  readonly value: string;
}

/** A ban as it is kept. */
export interface Ban extends Subject {
  readonly reason: string;
  readonly untilMs: number;
}

const prefix = 'check-login-abuse:';
const scopes: readonly Scope[] = ['address', 'network', 'account'];
/** Logins under way that nobody ended are forgotten. */
const pendingMs = 120_000;
/** How long it is remembered that somebody was banned before: the next time is longer. */
const repeatMs = 7 * 86_400_000;

/** The ledger over the counters; every method may answer late, none keeps state of its own. */
export class Ledger {
  readonly #counters: Counters;
  readonly #config: CheckLoginAbuseConfig;

  constructor(counters: Counters, config: CheckLoginAbuseConfig) {
    this.#counters = counters;
    this.#config = config;
  }

  /** What failures of this address and login count for. A token says who it is for only when it is right: no account. */
  subjects(remoteAddress: string, login: string): readonly Subject[] {
    const { ipv6AddressBits, ipv4NetworkBits, ipv6NetworkBits } = this.#config;
    const isV6 = remoteAddress.includes(':') && !remoteAddress.includes('.');
    const address = networkOf(remoteAddress, isV6 ? ipv6AddressBits : 32);
    const network = networkOf(remoteAddress, isV6 ? ipv6NetworkBits : ipv4NetworkBits);
    return [
      ...(address === undefined ? [] : [{ scope: 'address', value: address } as const]),
      ...(network === undefined ? [] : [{ scope: 'network', value: network } as const]),
      ...(login === '' ? [] : [{ scope: 'account', value: login.toLowerCase() } as const]),
    ];
  }

  async failures(subject: Subject): Promise<number> {
    return Number((await this.#counters.get(keyOf('failed', subject))) ?? 0);
  }

  /** Counts one more; bans when it is one too many. The ban, if there is a new one. */
  async fail(subject: Subject, nowMs: number): Promise<Ban | undefined> {
    const { windowMs, banMs, banMsMax } = this.#config;
    const failures = await this.#counters.add(keyOf('failed', subject), 1, windowMs);
    if (failures < this.#config[subject.scope].banAfter) return undefined;
    const times = await this.#counters.add(keyOf('banned', subject), 1, repeatMs);
    const durationMs = Math.min(banMs * 2 ** Math.min(times - 1, 20), Math.max(banMs, banMsMax));
    const ban = await this.ban(subject, `${failures} failed logins`, durationMs, nowMs);
    await this.#counters.delete(keyOf('failed', subject));
    return ban;
  }

  /** The number of logins under way, this one included. */
  async begin(subject: Subject): Promise<number> {
    return this.#counters.add(keyOf('pending', subject), 1, pendingMs);
  }

  async end(subject: Subject): Promise<void> {
    await this.#counters.add(keyOf('pending', subject), -1, pendingMs);
  }

  async ban(subject: Subject, reason: string, durationMs: number, nowMs: number): Promise<Ban> {
    const ban = { ...subject, reason, untilMs: nowMs + durationMs };
    await this.#counters.set(keyOf('ban', subject), JSON.stringify({ ...subject, reason }), durationMs);
    return ban;
  }

  async isBanned(subject: Subject): Promise<boolean> {
    return (await this.#counters.get(keyOf('ban', subject))) !== undefined;
  }

  /** Lifts a ban and forgets the failures; whether there was one. */
  async lift(subject: Subject): Promise<boolean> {
    await this.#counters.delete(keyOf('failed', subject));
    await this.#counters.delete(keyOf('banned', subject));
    return this.#counters.delete(keyOf('ban', subject));
  }

  async *bans(): AsyncGenerator<Ban> {
    for (const scope of scopes) {
      for await (const { value, expiresAtMs } of this.#counters.entries(`${prefix}ban:${scope}:`)) {
        yield { ...(JSON.parse(value) as Omit<Ban, 'untilMs'>), untilMs: expiresAtMs };
      }
    }
  }

  /** Whether this account has logged in from this address before. */
  async isKnownDevice(address: string, login: string): Promise<boolean> {
    return (await this.#counters.get(deviceKey(address, login))) !== undefined;
  }

  async rememberDevice(address: string, login: string): Promise<void> {
    await this.#counters.set(deviceKey(address, login), '1', this.#config.deviceMs);
    await this.#counters.delete(deviceFailuresKey(address, login));
  }

  /** A known device has failed; after a few it is not known any more. */
  async failDevice(address: string, login: string): Promise<void> {
    const { windowMs, deviceFailuresMax } = this.#config;
    const failures = await this.#counters.add(deviceFailuresKey(address, login), 1, windowMs);
    if (failures < deviceFailuresMax) return;
    await this.#counters.delete(deviceKey(address, login));
    await this.#counters.delete(deviceFailuresKey(address, login));
  }

  /** Whether this very guess has not come from there before: a device with an old password is no attacker. */
  async isNewGuess(address: string, guess: string): Promise<boolean> {
    const key = `${prefix}guess:${digestOf(`${address} ${guess}`)}`;
    return (await this.#counters.add(key, 1, this.#config.windowMs)) === 1;
  }
}

function keyOf(what: string, { scope, value }: Subject): string {
  return `${prefix}${what}:${scope}:${value.length > 200 ? digestOf(value) : value}`;
}

function deviceKey(address: string, login: string): string {
  return `${prefix}device:${address}:${digestOf(login.toLowerCase())}`;
}

function deviceFailuresKey(address: string, login: string): string {
  return `${prefix}device-failed:${address}:${digestOf(login.toLowerCase())}`;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
