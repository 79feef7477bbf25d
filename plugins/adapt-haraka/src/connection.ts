/** `connection` as plugins know it. */
import { BlockList, isIP } from 'node:net';
import type { Connection, Logger } from '@postroad/core';
import type { HarakaNotes, HarakaPackages } from './haraka-packages.js';
import { logMethods } from './log-methods.js';
import type { HarakaTransaction } from './transaction.js';

/** What plugins know as `server`. */
export interface HarakaServer {
  readonly notes: HarakaNotes;
  readonly cfg: unknown;
  address(): { readonly address: string; readonly port: number };
}

const stateOfCommands = 1;
const stateOfDisconnected = 100;

/** A connection of Haraka's, with the same names. */
export class HarakaConnection {
  readonly uuid: string;
  readonly server: HarakaServer;
  readonly local: Record<string, unknown>;
  readonly remote: Record<string, unknown>;
  readonly hello: { host: string | null; verb: string | null } = { host: null, verb: null };
  readonly tls: Record<string, unknown>;
  readonly proxy = { allowed: false, ip: null, type: null };
  readonly notes: HarakaNotes;
  readonly results: unknown;
  readonly start_time: number;
  readonly rcpt_count = { accept: 0, tempfail: 0, reject: 0 };
  readonly msg_count = { accept: 0, tempfail: 0, reject: 0 };
  readonly pipelining = true;
  readonly hooks_to_run: unknown[] = [];
  transaction: HarakaTransaction | null = null;
  tran_count = 0;
  errors = 0;
  esmtp = false;
  early_talker = false;
  state = stateOfCommands;
  current_line = '';
  last_reject = '';
  last_rcpt_msg: unknown = null;
  encoding = 'utf8';
  capabilities: string[] | null = null;
  /** A plugin that broke its promise after its hook was over. */
  broken: string | undefined;
  #isRelaying = false;
  #isRelayingNow: boolean | undefined;
  readonly #authentication: string[] = [];
  #paused: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  [method: string]: unknown;

  constructor(
    packages: HarakaPackages,
    connection: Connection,
    server: HarakaServer,
    hostname: string,
    log: Logger,
  ) {
    this.uuid = connection.id;
    this.server = server;
    this.start_time = connection.openedAtMs;
    this.notes = new packages.Notes();
    this.local = {
      ip: connection.localAddress,
      port: connection.localPort,
      host: hostname,
      info: 'Postroad',
    };
    const { remoteAddress, remotePort } = connection;
    const isLocal = localAddresses.check(remoteAddress, familyOf(remoteAddress));
    this.remote = {
      ip: remoteAddress,
      port: remotePort,
      host: null,
      info: null,
      closed: false,
      is_local: isLocal,
      is_private: isLocal || privateAddresses.check(remoteAddress, familyOf(remoteAddress)),
    };
    this.tls = { enabled: false, advertised: false, verified: false, cipher: {} };
    Object.assign(
      this,
      logMethods(log, () => ({ connection: connection.id })),
    );
    // The store logs by the methods above, so it comes after them.
    this.results = new packages.Results(this);
    this.update(connection);
  }

  /** Whether it may send anywhere; what is set within a transaction ends with it. */
  get relaying(): boolean {
    return this.#isRelayingNow ?? this.#isRelaying;
  }

  set relaying(value: unknown) {
    if (this.transaction === null) this.#isRelaying = Boolean(value);
    else this.#isRelayingNow = Boolean(value);
  }

  /** Begins or ends a transaction. */
  setTransaction(transaction: HarakaTransaction | null): void {
    this.transaction = transaction;
    this.#isRelayingNow = undefined;
    this.#authentication.length = 0;
    if (transaction !== null) this.tran_count++;
  }

  /** Takes over what the connection has learnt since: TLS, login, early talk. */
  update(connection: Connection): void {
    const { tls, identity } = connection;
    if (tls !== undefined) {
      Object.assign(this.tls, { enabled: true, cipher: { name: tls.cipher, version: tls.version } });
    }
    if (identity !== undefined) {
      this.notes.auth_user = identity.login;
      this.#isRelaying = true;
    }
    this.early_talker = connection.hasTalkedEarly === true;
    this.esmtp = connection.isExtended;
  }

  set(path: string, second: unknown, third?: unknown): void {
    const isSplit = third !== undefined;
    const parts = (isSplit ? `${path}.${String(second)}` : path).split('.');
    const last = parts.pop() ?? '';
    let place = this as Record<string, unknown>;
    for (const part of parts) {
      if (!isSafe(part)) return;
      place[part] ??= {};
      place = place[part] as Record<string, unknown>;
    }
    if (isSafe(last)) place[last] = isSplit ? third : second;
  }

  get(path: string): unknown {
    return path
      .split('.')
      .reduce<unknown>((place, part) => (place as Record<string, unknown> | null | undefined)?.[part], this);
  }

  /** Adds to Authentication-Results, which is written when the message is done; gives what there is. */
  auth_results(message?: string): string {
    if (message) this.#authentication.push(message.replace(/[\r\n]+/g, ' '));
    return [this.local.host, ...this.#authentication].join('; ');
  }

  /** Whether there is something to write, and that it was taken. */
  takeAuthenticationResults(): string | undefined {
    if (this.#authentication.length === 0) return undefined;
    const text = this.auth_results();
    this.#authentication.length = 0;
    return text;
  }

  /** Stops the reading of the message: what parses attachments does so when it can't keep up. */
  pause(): void {
    this.#paused ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume?.();
    this.#paused = undefined;
    this.#resume = undefined;
  }

  /** Resolves at once unless paused. */
  async whenResumed(): Promise<void> {
    if (this.#paused !== undefined) await this.#paused;
  }

  /** The client is gone. */
  end(): void {
    this.state = stateOfDisconnected;
    this.remote.closed = true;
    this.resume();
  }
}

function isSafe(part: string): boolean {
  return part !== '__proto__' && part !== 'constructor' && part !== 'prototype';
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

const localAddresses = new BlockList();
localAddresses.addSubnet('127.0.0.0', 8, 'ipv4');
localAddresses.addAddress('::1', 'ipv6');

/** Private and link-local networks of both families. */
const privateAddresses = new BlockList();
privateAddresses.addSubnet('10.0.0.0', 8, 'ipv4');
privateAddresses.addSubnet('172.16.0.0', 12, 'ipv4');
privateAddresses.addSubnet('192.168.0.0', 16, 'ipv4');
privateAddresses.addSubnet('169.254.0.0', 16, 'ipv4');
privateAddresses.addSubnet('fc00::', 7, 'ipv6');
privateAddresses.addSubnet('fe80::', 10, 'ipv6');
