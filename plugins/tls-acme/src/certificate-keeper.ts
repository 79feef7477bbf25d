/** Reads what there is, renews what is due, and swaps what has changed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import {
  type Clock,
  chooseByName,
  ensureSelfSigned,
  type Logger,
  MailError,
  messageOf,
  type Random,
} from '@postroad/core';
import type { TlsAcmeConfig, WantedCertificate } from './options.js';
import { type CertificateFacts, contextOf, factsOf, type PemPair } from './pair.js';
import { pairFile, readPairFile, withLock, writePairFile } from './pair-files.js';

/** What the keeper is made of. */
export interface CertificateKeeperOptions {
  readonly config: TlsAcmeConfig;
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Gets one certificate. */
  issue(wanted: WantedCertificate, signal: AbortSignal): Promise<PemPair>;
}

const retryMsMax = 6 * 3_600_000;

/** A pair that can be shown. The list is replaced whole: open connections keep what they have. */
export interface TableEntry {
  /** The file it is from. */
  readonly place: string;
  readonly pair: PemPair;
  readonly facts: CertificateFacts;
  readonly names: readonly string[];
  readonly context: SecureContext;
}

interface Failure {
  readonly count: number;
  readonly againAtMs: number;
}

/** Keeps the certificates of a generation. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  readonly #failures = new Map<WantedCertificate, Failure>();
  /** Stable for a process, so that what is due stays due. */
  readonly #chances = new Map<WantedCertificate, number>();
  #entries: readonly TableEntry[] = [];
  #shown = '';
  #toldReasons = new Map<string, string>();

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
    for (const wanted of options.config.certificates) this.#chances.set(wanted, options.random.number());
  }

  /** The certificates that are shown, the default one first. */
  get entries(): readonly TableEntry[] {
    return this.#entries;
  }

  /** See `Certificates.context`. */
  context(serverName?: string): TableEntry['context'] {
    const entry = chooseByName(this.#entries, serverName);
    if (entry === undefined) throw new MailError('E_TLS', 'there is no certificate yet');
    return entry.context;
  }

  /** Reads everything; what can't be used is told and left out, and the rest goes on. */
  async refresh(): Promise<void> {
    const { config } = this.#options;
    const pairs: { readonly place: string; readonly pair: PemPair }[] = [];
    for (const wanted of config.certificates) {
      const place = pairFile(config.directory, wanted);
      const pair = await readPairFile(place);
      if (pair !== undefined) pairs.push({ place, pair });
    }
    for (const { certificateFile, keyFile } of config.files) {
      const pair = await this.#attempt(certificateFile, async () => ({
        chain: await readFile(certificateFile, 'utf8'),
        key: await readFile(keyFile, 'utf8'),
      }));
      if (pair !== undefined) pairs.push({ place: certificateFile, pair });
    }
    const shown = JSON.stringify(pairs);
    if (shown === this.#shown) return;
    const entries = await this.#entriesOf(pairs);
    if (entries.length === 0) entries.push(await this.#selfSigned());
    this.#entries = entries;
    this.#shown = shown;
  }

  async #entriesOf(pairs: readonly { place: string; pair: PemPair }[]): Promise<TableEntry[]> {
    const entries: TableEntry[] = [];
    for (const { place, pair } of pairs) {
      const entry = await this.#attempt(place, async () => {
        const facts = factsOf(pair, place);
        return {
          place,
          pair,
          facts,
          names: facts.names,
          context: contextOf(pair, this.#options.config.profile),
        };
      });
      // Half of a renewal: what was shown before is better than nothing.
      const before = this.#entries.find((one) => one.place === place);
      if (entry !== undefined) entries.push(entry);
      else if (before !== undefined) entries.push(before);
    }
    return entries;
  }

  /** Nobody must wait for TLS until the first certificate is there; clients warn until then. */
  async #selfSigned(): Promise<TableEntry> {
    const { config, hostname, clock } = this.#options;
    const directory = join(config.directory, 'self-signed');
    const files = await ensureSelfSigned(directory, hostname, clock.now(), (file) => readFile(file, 'utf8'));
    const pair = {
      chain: await readFile(files.certificateFile, 'utf8'),
      key: await readFile(files.keyFile, 'utf8'),
    };
    const facts = factsOf(pair, directory);
    return {
      place: directory,
      pair,
      facts,
      names: facts.names,
      context: contextOf(pair, config.profile),
    };
  }

  /** Renews what is due, one after another; only one process of a directory does. */
  async renew(signal: AbortSignal): Promise<void> {
    const { config, clock } = this.#options;
    const due = await this.#due();
    if (due.length === 0) return;
    await withLock(
      join(config.directory, 'renewal.lock'),
      clock.now(),
      2 * config.issueTimeoutMs,
      async () => {
        for (const wanted of await this.#due()) {
          signal.throwIfAborted();
          await this.#renewOne(wanted, signal);
        }
      },
    );
    await this.refresh();
  }

  async #renewOne(wanted: WantedCertificate, signal: AbortSignal): Promise<void> {
    const { config, clock, random, log, issue } = this.#options;
    const fields = { names: wanted.names, challenge: wanted.challenge };
    const deadline = new AbortController();
    const timer = clock.after(config.issueTimeoutMs, () => deadline.abort(new Error('it took too long')));
    const both = AbortSignal.any([signal, deadline.signal]);
    try {
      const aborted = new Promise<never>((_resolve, reject) => {
        both.addEventListener('abort', () => reject(both.reason), { once: true });
      });
      const pair = await Promise.race([issue(wanted, both), aborted]);
      const place = pairFile(config.directory, wanted);
      const { untilMs } = factsOf(pair, place);
      await writePairFile(place, pair);
      this.#failures.delete(wanted);
      log.info('a certificate was issued', { ...fields, until: new Date(untilMs).toISOString() });
    } catch (error) {
      if (signal.aborted) throw error;
      const count = (this.#failures.get(wanted)?.count ?? 0) + 1;
      const pauseMs = Math.min(retryMsMax, config.retryMs * 2 ** (count - 1)) * (0.5 + random.number());
      this.#failures.set(wanted, { count, againAtMs: clock.now() + pauseMs });
      log.error('a certificate could not be had', {
        ...fields,
        reason: messageOf(error),
        againInMs: Math.round(pauseMs),
        error,
      });
    } finally {
      timer.cancel();
    }
  }

  async #due(): Promise<readonly WantedCertificate[]> {
    const due: WantedCertificate[] = [];
    for (const wanted of this.#options.config.certificates) if (await this.#isDue(wanted)) due.push(wanted);
    return due;
  }

  async #isDue(wanted: WantedCertificate): Promise<boolean> {
    const { config, clock } = this.#options;
    const nowMs = clock.now();
    if (nowMs < (this.#failures.get(wanted)?.againAtMs ?? 0)) return false;
    const place = pairFile(config.directory, wanted);
    const pair = await readPairFile(place);
    const facts =
      pair === undefined ? undefined : await this.#attempt(place, async () => factsOf(pair, place));
    if (facts === undefined || !wanted.names.every((name) => facts.names.includes(name))) return true;
    const lifeMs = facts.untilMs - facts.fromMs;
    const jitterMs = lifeMs * config.jitter * (this.#chances.get(wanted) ?? 0);
    return nowMs >= facts.untilMs - lifeMs * config.renewBefore - jitterMs;
  }

  /** The same reason is told once, not at every look. */
  async #attempt<T>(place: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await run();
      this.#toldReasons.delete(place);
      return done;
    } catch (error) {
      const reason = messageOf(error);
      if (this.#toldReasons.get(place) !== reason)
        this.#options.log.error('a certificate can not be used', { place, reason });
      this.#toldReasons.set(place, reason);
      return undefined;
    }
  }
}
