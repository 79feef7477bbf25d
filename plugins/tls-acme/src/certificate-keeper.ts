/** Reads what there is, renews what is due, and swaps what has changed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, ensureSelfSigned, type Logger, messageOf, type Random } from '@postroad/core';
import { chooseContext, type TableEntry } from './certificate-table.js';
import type { TlsAcmeConfig, WantedCertificate } from './options.js';
import { contextOf, factsOf, type PemPair } from './pair.js';
import { makeOnce, pairFile, readPairFile, withLock, writePairFile } from './pair-files.js';
import { ticketKeys } from './tls-profile.js';

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

const dayMs = 86_400_000;
const retryMsMax = 6 * 3_600_000;

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
  #secret: Buffer | undefined;
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
    return chooseContext(this.#entries, serverName);
  }

  /** Reads everything; what can't be used is told and left out, and the rest goes on. */
  async refresh(): Promise<void> {
    const { config, clock } = this.#options;
    this.#secret ??= await makeOnce(join(config.directory, 'ticket-secret'), () =>
      Buffer.from(this.#options.random.bytes(32)),
    );
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
    const day = Math.floor(clock.now() / dayMs);
    const shown = JSON.stringify([day, pairs]);
    if (shown === this.#shown) return;
    const entries = await this.#entriesOf(pairs, ticketKeys(this.#secret, day));
    if (entries.length === 0) entries.push(await this.#selfSigned(day));
    this.#entries = entries;
    this.#shown = shown;
  }

  async #entriesOf(
    pairs: readonly { place: string; pair: PemPair }[],
    tickets: Buffer,
  ): Promise<TableEntry[]> {
    const entries: TableEntry[] = [];
    for (const { place, pair } of pairs) {
      const entry = await this.#attempt(place, async () => {
        const facts = factsOf(pair, place);
        return { place, pair, facts, context: contextOf(pair, this.#options.config.profile, tickets) };
      });
      // Half of a renewal: what was shown before is better than nothing.
      const before = this.#entries.find((one) => one.place === place);
      if (entry !== undefined) entries.push(entry);
      else if (before !== undefined) entries.push(before);
    }
    return entries;
  }

  /** Nobody must wait for TLS until the first certificate is there; clients warn until then. */
  async #selfSigned(day: number): Promise<TableEntry> {
    const { config, hostname, clock } = this.#options;
    const directory = join(config.directory, 'self-signed');
    const files = await ensureSelfSigned(directory, hostname, clock.now(), (file) => readFile(file, 'utf8'));
    const pair = {
      chain: await readFile(files.certificateFile, 'utf8'),
      key: await readFile(files.keyFile, 'utf8'),
    };
    const tickets = ticketKeys(this.#secret ?? Buffer.alloc(32), day);
    return {
      place: directory,
      pair,
      facts: factsOf(pair, directory),
      context: contextOf(pair, config.profile, tickets),
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
