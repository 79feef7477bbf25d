/**
 * One connection to one filter, for one client's connection: negotiation, then stage by stage. Every wait has a deadline;
 * whatever breaks the protocol or is late closes it and rejects with `E_PEER`.
 */
import { type Clock, formatAddress, type PeerConnection, withDeadline } from '@postroad/core';
import { readAnswer, type StageAnswer } from './answers.js';
import { type MacroFacts, macrosFor } from './macros.js';
import { type Agreement, type MacroStage, offer, readAgreement } from './negotiation.js';
import { commands, packetOf, readPacket, type steps } from './wire.js';

/** What a session needs. */
export interface SessionOptions {
  readonly peer: PeerConnection;
  readonly clock: Clock;
  /** How long a filter may take for one answer. */
  readonly timeoutMs: number;
}

const neverAborted = new AbortController().signal;
const goodbyeOctetsMax = 65_536;
const proceed: StageAnswer = { kind: 'continue' };

/** A session with a filter. */
export class MilterSession {
  readonly peer: PeerConnection;
  readonly agreement: Agreement;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  private constructor({ peer, clock, timeoutMs }: SessionOptions, agreement: Agreement) {
    this.peer = peer;
    this.agreement = agreement;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Negotiates; the session owns the connection from then on. */
  static async negotiate(options: SessionOptions): Promise<MilterSession> {
    const { peer } = options;
    try {
      await peer.send(packetOf(commands.negotiate, offer()));
      return new MilterSession(options, readAgreement(await readPacket(peer)));
    } catch (error) {
      peer.close(error);
      throw error;
    }
  }

  connect(facts: MacroFacts, signal: AbortSignal): Promise<StageAnswer> {
    const { remoteAddress, remotePort } = facts.connection;
    const port = Buffer.alloc(2);
    port.writeUInt16BE(remotePort & 0xffff);
    const isSix = remoteAddress.includes(':');
    // The name, a letter for the kind of address, the port, and the address.
    const data = [
      facts.clientName,
      Buffer.from(isSix ? '6' : '4'),
      port,
      isSix ? `IPv6:${remoteAddress}` : remoteAddress,
    ];
    return this.#stage('connect', commands.connect, data, ['noConnect', 'silentConnect'], facts, signal);
  }

  hello(name: string, facts: MacroFacts, signal: AbortSignal): Promise<StageAnswer> {
    return this.#stage('hello', commands.hello, [name], ['noHello', 'silentHello'], facts, signal);
  }

  mail(parameters: readonly string[], facts: MacroFacts, signal: AbortSignal): Promise<StageAnswer> {
    const path = facts.reversePath ?? null;
    const data = [path === null ? '<>' : `<${formatAddress(path)}>`, ...parameters];
    return this.#stage('mail', commands.mail, data, ['noMail', 'silentMail'], facts, signal);
  }

  recipient(parameters: readonly string[], facts: MacroFacts, signal: AbortSignal): Promise<StageAnswer> {
    const address = facts.recipient === undefined ? '' : formatAddress(facts.recipient);
    const data = [`<${address}>`, ...parameters];
    return this.#stage(
      'recipient',
      commands.recipient,
      data,
      ['noRecipient', 'silentRecipient'],
      facts,
      signal,
    );
  }

  data(facts: MacroFacts, signal: AbortSignal): Promise<StageAnswer> {
    // The command came with version 4.
    if (this.agreement.version < 4) return Promise.resolve(proceed);
    return this.#stage('data', commands.data, [], ['noData', 'silentData'], facts, signal);
  }

  /** A line that is no command; the server has refused it already, whatever the filter answers. */
  async unknown(line: string, signal: AbortSignal): Promise<void> {
    // The command came with version 3.
    if (this.agreement.version < 3 || this.agreement.has('noUnknown')) return;
    const octets = Buffer.from(`${line}\0`, 'latin1');
    await this.ask(commands.unknown, [octets], 'silentUnknown', signal);
  }

  /** Sends macros when there are any. */
  async macros(stage: MacroStage, command: string, facts: MacroFacts): Promise<void> {
    const texts = macrosFor(stage, this.agreement.macros, facts);
    if (texts.length > 0) await this.peer.send(packetOf(commands.macros, Buffer.from(command), ...texts));
  }

  /** Sends a packet and reads the answer, unless the filter said that it gives none. */
  async ask(
    letter: string,
    data: readonly (string | Uint8Array)[],
    silent: keyof typeof steps,
    signal: AbortSignal,
  ): Promise<StageAnswer> {
    return await this.guard(signal, async () => {
      await this.peer.send(packetOf(letter, ...data));
      return this.agreement.has(silent) ? proceed : await this.#answer();
    });
  }

  /** Ends the message that is under way; the filter does not answer. */
  async abort(): Promise<void> {
    await this.peer.send(packetOf(commands.abort));
  }

  /** Says goodbye and closes; a filter that does not close is not waited for. Never rejects. */
  async quit(): Promise<void> {
    try {
      await withDeadline(this.#clock, this.#timeoutMs, neverAborted, async () => {
        await this.peer.send(packetOf(commands.quit));
        this.peer.end();
        for await (const _octets of this.peer.rest(goodbyeOctetsMax));
      });
    } catch {
      // It is over, politely or not.
    }
    this.peer.close();
  }

  /** Runs an exchange under the deadline for one answer; a failure ends the connection. */
  async guard<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await withDeadline(this.#clock, this.#timeoutMs, signal, work);
    } catch (error) {
      this.peer.close(error);
      throw error;
    }
  }

  async #stage(
    stage: MacroStage,
    letter: string,
    data: readonly (string | Uint8Array)[],
    [unwanted, silent]: readonly [keyof typeof steps, keyof typeof steps],
    facts: MacroFacts,
    signal: AbortSignal,
  ): Promise<StageAnswer> {
    if (this.agreement.has(unwanted)) return proceed;
    await this.guard(signal, () => this.macros(stage, letter, facts));
    return await this.ask(letter, data, silent, signal);
  }

  async #answer(): Promise<StageAnswer> {
    for (;;) {
      const packet = await readPacket(this.peer);
      // Progress keeps the deadline of the hook alive, not that of a step: nothing but the end of a message may take long.
      if (packet.letter !== 'p') return readAnswer(packet);
    }
  }
}
