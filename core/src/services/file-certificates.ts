/**
 * Certificates from files: read and checked at the start, swapped when the files change. Connections that are open keep
 * what they have; a pair that does not fit (half of a renewal) leaves the old one in place.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MailError, messageOf } from '../errors.js';
import type { TlsOptions } from '../mta-options.js';
import type { Certificates } from './certificates.js';
import type { Clock, Timer } from './clock.js';
import type { Logger } from './logger.js';
import { type CertificateFiles, ensureSelfSigned } from './self-signed-certificate.js';

/** Certificates with their life: nothing is read before `start`. */
export interface OwnedCertificates extends Certificates {
  /** Reads the files, or makes them; throws `E_TLS` naming the file that is wrong. */
  start(): Promise<void>;
  /** Looks at the files now. True when the certificate was swapped; a broken pair is logged and not taken. */
  reload(): Promise<boolean>;
  stop(): void;
}

/** What they are made with. */
export interface CertificatesOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A pair as it was read. */
interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** After a change, so that both files of a renewal are there. */
const settleMs = 500;
/** For file systems that tell nothing, and for links to other folders. */
const lookAgainMs = 60_000;
const warnBeforeMs = 14 * 86_400_000;

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
  #files: CertificateFiles | undefined;
  #context: SecureContext | undefined;
  #current: Pair | undefined;
  #toldReason: string | undefined;
  #timer: Timer | undefined;
  #watchers: FSWatcher[] = [];
  #isStopped = false;

  constructor(options: TlsOptions | undefined, services: CertificatesOptions) {
    this.isAvailable = options !== undefined;
    this.#options = options;
    this.#services = services;
  }

  context(): SecureContext {
    if (this.#context === undefined)
      throw new MailError('E_TLS', 'there is no certificate to offer TLS with');
    return this.#context;
  }

  async start(): Promise<void> {
    if (this.#options === undefined) return;
    const { hostname, clock, log } = this.#services;
    const files =
      'certificateFile' in this.#options
        ? this.#options
        : await ensureSelfSigned(this.#options.selfSignedDirectory, hostname, clock.now(), readPem);
    this.#files = files;
    this.#take(await readPair(files), files);
    this.#watchers = watchFolders(files, () => this.#lookIn(settleMs), log);
    this.#lookIn(lookAgainMs);
  }

  async reload(): Promise<boolean> {
    if (this.#files === undefined) return false;
    try {
      const pair = await readPair(this.#files);
      const current = this.#current;
      const isSame = pair.certificate === current?.certificate && pair.key === current.key;
      if (this.#isStopped || isSame) return false;
      this.#take(pair, this.#files);
      return true;
    } catch (error) {
      // The same reason is told once, not every minute.
      const reason = messageOf(error);
      if (this.#toldReason !== reason) this.#services.log.error('certificate stays the old one', { error });
      this.#toldReason = reason;
      return false;
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  #take(pair: Pair, files: CertificateFiles): void {
    this.#context = contextOf(pair, files);
    this.#current = pair;
    this.#toldReason = undefined;
    tellFacts(pair, this.#services.clock, this.#services.log);
  }

  #lookIn(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#services.clock.after(delayMs, () => {
      void this.reload().then(() => this.#lookIn(lookAgainMs));
    });
  }
}

async function readPair({ certificateFile, keyFile }: CertificateFiles): Promise<Pair> {
  return { certificate: await readPem(certificateFile), key: await readPem(keyFile) };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new MailError('E_TLS', `${file} can't be read: ${messageOf(cause)}`, { cause });
  }
}

/** RFC 8996: nothing older than TLS 1.2. */
function contextOf({ certificate, key }: Pair, files: CertificateFiles): SecureContext {
  const parsed = attempt(
    () => new X509Certificate(certificate),
    `${files.certificateFile} has no certificate`,
  );
  const privateKey = attempt(
    () => createPrivateKey(key),
    `${files.keyFile} has no private key that can be used`,
  );
  if (!parsed.checkPrivateKey(privateKey)) {
    throw new MailError('E_TLS', `the key in ${files.keyFile} is not that of ${files.certificateFile}`);
  }
  return attempt(
    () => createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2', honorCipherOrder: true }),
    `${files.certificateFile} and ${files.keyFile} can't be used`,
  );
}

function attempt<T>(run: () => T, message: string): T {
  try {
    return run();
  } catch (cause) {
    throw new MailError('E_TLS', `${message}: ${messageOf(cause)}`, { cause });
  }
}

function tellFacts({ certificate }: Pair, clock: Clock, log: Logger): void {
  const { subject, subjectAltName, validTo, fingerprint256 } = new X509Certificate(certificate);
  const untilMs = Date.parse(validTo);
  const facts = { subject, names: subjectAltName, validTo, fingerprint256 };
  if (untilMs <= clock.now()) log.error('certificate has expired', facts);
  else if (untilMs - clock.now() < warnBeforeMs) log.warn('certificate expires soon', facts);
  else log.info('certificate in use', facts);
}

/** The folders, not the files: renewals replace files and links by new ones of the same name. */
function watchFolders(files: CertificateFiles, changed: () => void, log: Logger): FSWatcher[] {
  const folders = new Set([dirname(files.certificateFile), dirname(files.keyFile)]);
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
