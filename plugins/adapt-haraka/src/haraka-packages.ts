/**
 * The packages that Haraka and its plugins share, from the registry, typed as far as they are used. They are CommonJS
 * without types; loading them is I/O and happens at the start.
 */
import { createRequire } from 'node:module';

/** A mail address (`@haraka/email-address`). */
export interface HarakaAddress {
  readonly user: string | null;
  readonly host: string | null;
  readonly address: string;
}

/** A header section (`haraka-email-message`). */
export interface HarakaHeader {
  header_list: string[];
  parse(lines: readonly string[]): void;
  get(name: string): string;
  add(name: string, value: string): void;
  add_end(name: string, value: string): void;
  remove(name: string): void;
}

/** A parser of bodies (`haraka-email-message`). */
export interface HarakaBody {
  on(event: string, listener: (...args: unknown[]) => void): void;
  set_banner(banners: readonly [string, string]): void;
  add_filter(filter: (type: string, encoding: string, octets: Buffer) => unknown): void;
  parse_more(line: Buffer): Buffer | string;
  parse_end(): Buffer | string;
  force_end(): void;
}

/** Configuration files (`haraka-config`). */
export interface HarakaConfig {
  get(...args: unknown[]): unknown;
  module_config(defaults: string, overrides?: string): HarakaConfig;
  /** Ends the watching of the folder that the file is in. */
  stop_watching(name: string): void;
}

/** A store of notes (`haraka-notes`), which plugins fill. */
export type HarakaNotes = Record<string, unknown>;

/** All of them. */
export interface HarakaPackages {
  readonly constants: Readonly<Record<string, unknown>>;
  readonly config: HarakaConfig;
  readonly Notes: new () => HarakaNotes;
  readonly Results: new (connection: object) => { get_all(): Record<string, unknown> };
  readonly Header: new () => HarakaHeader;
  readonly Body: new (header: HarakaHeader) => HarakaBody;
  readonly Address: new (text: string) => HarakaAddress;
}

/** Loads them. */
export async function loadPackages(): Promise<HarakaPackages> {
  const require = createRequire(import.meta.url);
  const message = require('haraka-email-message') as Pick<HarakaPackages, 'Header' | 'Body'>;
  const name = '@haraka/email-address';
  const { Address } = (await import(name)) as Pick<HarakaPackages, 'Address'>;
  return {
    constants: require('haraka-constants') as Record<string, unknown>,
    config: require('haraka-config') as HarakaConfig,
    Notes: require('haraka-notes') as HarakaPackages['Notes'],
    Results: require('haraka-results') as HarakaPackages['Results'],
    Header: message.Header,
    Body: message.Body,
    Address,
  };
}
