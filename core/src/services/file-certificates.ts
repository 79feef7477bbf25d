/**
 * Certificates from files: read and checked at the start, swapped when the files change, each pair for itself. Connections
 * that are open keep what they have; a pair that does not fit (half of a renewal) leaves the old one in place.
 */
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { SecureContext } from 'node:tls';
import { MailError, messageOf } from '../errors.js';
import type { TlsOptions } from '../mta-options.js';
import {
  type CertificatePair,
  contextOf,
  namesOf,
  readPair,
  readPem,
  tellFacts,
} from './certificate-pair.js';
import type { Certificates } from './certificates.js';
import { chooseByName } from './choose-certificate.js';
import type { Clock, Timer } from './clock.js';
import type { Logger } from './logger.js';
import { type CertificateFiles, ensureSelfSigned } from './self-signed-certificate.js';

/** Certificates with their life: nothing is read before `start`. */
export interface OwnedCertificates extends Certificates {
  /** Reads the files, or makes them; throws `E_TLS` naming the file that is wrong. */
  start(): Promise<void>;
  /** Looks at the files now. True when a certificate was swapped; a broken pair is logged and not taken. */
  reload(): Promise<boolean>;
  stop(): void;
}

/** What they are made with. */
export interface CertificatesOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is shown from two files. */
interface Shown {
  readonly files: CertificateFiles;
  readonly pair: CertificatePair;
  readonly names: readonly string[];
  readonly context: SecureContext;
}

/** After a change, so that both files of a renewal are there. */
const settleMs = 500;
/** For file systems that tell nothing, and for links to other folders. */
const lookAgainMs = 60_000;

/** Certificates as the options say; without options there are none, and no listener can offer TLS. */
export function createCertificates(
  options: TlsOptions | undefined,
  services: CertificatesOptions,
): OwnedCertificates {
  return new FileCertificates(options, services);
}

class FileCertificates implements OwnedCertificates {
  readonly isAvailable: boolean;
  readonly #options: TlsOptions | undefined;
  readonly #services: CertificatesOptions;
  /** The first one is the default. */
  #shown: readonly Shown[] = [];
  readonly #toldReasons = new Map<string, string>();
  #timer: Timer | undefined;
  #watchers: FSWatcher[] = [];
  #isStopped = false;

  constructor(options: TlsOptions | undefined, services: CertificatesOptions) {
    this.isAvailable = options !== undefined;
    this.#options = options;
    this.#services = services;
  }

  context(serverName?: string): SecureContext {
    const shown = chooseByName(this.#shown, serverName);
    if (shown === undefined) throw new MailError('E_TLS', 'there is no certificate to offer TLS with');
    return shown.context;
  }

  async start(): Promise<void> {
    if (this.#options === undefined) return;
    const all = await filesOf(this.#options, this.#services);
    const shown: Shown[] = [];
    for (const files of all) shown.push(this.#take(files, await readPair(files)));
    this.#shown = shown;
    this.#watchers = watchFolders(all, () => this.#lookIn(settleMs), this.#services.log);
    this.#lookIn(lookAgainMs);
  }

  async reload(): Promise<boolean> {
    const next: Shown[] = [];
    for (const one of this.#shown) next.push(await this.#lookAt(one));
    if (this.#isStopped || next.every((one, index) => one === this.#shown[index])) return false;
    this.#shown = next;
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  /** What is to be shown from now on: the same when nothing has changed, or what is there can't be used. */
  async #lookAt(shown: Shown): Promise<Shown> {
    const { files } = shown;
    try {
      const pair = await readPair(files);
      const isSame = pair.certificate === shown.pair.certificate && pair.key === shown.pair.key;
      return isSame || this.#isStopped ? shown : this.#take(files, pair);
    } catch (error) {
      // The same reason is told once, not every minute.
      const reason = messageOf(error);
      const place = files.certificateFile;
      if (this.#toldReasons.get(place) !== reason)
        this.#services.log.error('certificate stays the old one', { error });
      this.#toldReasons.set(place, reason);
      return shown;
    }
  }

  #take(files: CertificateFiles, pair: CertificatePair): Shown {
    const context = contextOf(pair, files, this.#options?.profile ?? 'compatible');
    this.#toldReasons.delete(files.certificateFile);
    tellFacts(pair, this.#services.clock, this.#services.log);
    return { files, pair, names: namesOf(pair.certificate), context };
  }

  #lookIn(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#services.clock.after(delayMs, () => {
      void this.reload().then(() => this.#lookIn(lookAgainMs));
    });
  }
}

async function filesOf(
  options: TlsOptions,
  { hostname, clock }: CertificatesOptions,
): Promise<readonly CertificateFiles[]> {
  if ('certificates' in options) {
    if (options.certificates.length === 0) throw new MailError('E_TLS', 'tls names no certificates');
    return options.certificates;
  }
  if ('certificateFile' in options) return [options];
  return [await ensureSelfSigned(options.selfSignedDirectory, hostname, clock.now(), readPem)];
}

/** The folders, not the files: renewals replace files and links by new ones of the same name. */
function watchFolders(all: readonly CertificateFiles[], changed: () => void, log: Logger): FSWatcher[] {
  const folders = new Set(all.flatMap((files) => [dirname(files.certificateFile), dirname(files.keyFile)]));
  return [...folders].flatMap((folder) => {
    try {
      const watcher = watch(folder, { persistent: false }, changed);
      watcher.on('error', (error) => log.warn('certificates are not watched any more', { folder, error }));
      return [watcher];
    } catch (error) {
      log.warn('certificates can not be watched, changes are seen within a minute', { folder, error });
      return [];
    }
  });
}
