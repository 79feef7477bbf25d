/** One filter during one client's connection: its session, opened when it is needed, and where it stands. */
import {
  type Clock,
  type Connection,
  createFailOver,
  type EnvelopeRecipient,
  type FailOver,
  formatPeerAddress,
  type Logger,
  openPeer,
  type PeerAddress,
  type Resolver,
  type Transaction,
} from '@postroad/core';
import type { StageAnswer } from './answers.js';
import type { MilterConfig } from './config.js';
import type { MacroFacts } from './macros.js';
import { MilterSession } from './session.js';

/** A filter that all connections share. */
export interface Milter {
  readonly config: MilterConfig;
  readonly servers: FailOver<PeerAddress>;
  readonly clock: Clock;
  readonly resolver: Resolver;
}

/** Makes it. */
export function createMilter(config: MilterConfig, clock: Clock, resolver: Resolver, log: Logger): Milter {
  const servers = createFailOver({
    servers: config.servers,
    clock,
    timeoutMs: config.timeoutMs,
    pauseMs: 10_000,
    order: 'first',
    onFailure: (server, error) =>
      log.warn('a milter failed', { milter: config.name, server: formatPeerAddress(server), error }),
  });
  return { config, servers, clock, resolver };
}

/** What a session is opened with. */
export interface OpeningFacts extends MacroFacts {
  readonly connection: Connection;
}

const proceed: StageAnswer = { kind: 'continue' };

/** The filter's place in the conversation. */
export class MilterState {
  readonly milter: Milter;
  #session: MilterSession | undefined;
  #greeting: StageAnswer = proceed;
  #helloName = '';
  /** The transaction that the filter is within, and the recipients that it has seen and not refused. */
  transaction: Transaction | undefined;
  recipients: EnvelopeRecipient[] = [];
  /** It accepted the message that is under way, or failed and is skipped. */
  isDoneWithMessage = false;
  /** It accepted the whole connection. */
  isDone = false;

  constructor(milter: Milter) {
    this.milter = milter;
  }

  /** The session, connected and greeted; opened when there is none. */
  async open(
    facts: OpeningFacts,
    signal: AbortSignal,
  ): Promise<{ session: MilterSession; answer: StageAnswer }> {
    if (this.#session === undefined) {
      const { servers, clock, config, resolver } = this.milter;
      const { timeoutMs } = config;
      const session = await servers.run(async (address, until) => {
        const peer = await openPeer({ address, resolver, signal: until });
        return await MilterSession.negotiate({ peer, clock, timeoutMs });
      }, signal);
      this.#session = session;
      this.#helloName = '';
      this.transaction = undefined;
      this.#greeting = await session.connect(facts, signal);
    }
    return { session: this.#session, answer: this.#greeting };
  }

  /** Tells the client's name, once for each. */
  async hello(facts: OpeningFacts, signal: AbortSignal): Promise<StageAnswer> {
    const { session, answer } = await this.open(facts, signal);
    if (answer.kind !== 'continue') return answer;
    const { helloName } = facts.connection;
    if (helloName === '' || helloName === this.#helloName) return proceed;
    this.#helloName = helloName;
    return await session.hello(helloName, facts, signal);
  }

  /** Tells of a line that is no command, when there is a session. */
  async unknown(line: string, signal: AbortSignal): Promise<void> {
    if (this.#greeting.kind === 'continue') await this.#session?.unknown(line, signal);
  }

  /** Begins a transaction; ends the one before when the filter is still within it. */
  async begin(transaction: Transaction, facts: OpeningFacts, signal: AbortSignal): Promise<StageAnswer> {
    const isOld = this.#session !== undefined;
    try {
      return await this.#begin(transaction, facts, signal);
    } catch (error) {
      this.lose();
      // A filter may have been started anew between two transactions.
      if (!isOld || signal.aborted) throw error;
      return await this.#begin(transaction, facts, signal);
    }
  }

  async #begin(transaction: Transaction, facts: OpeningFacts, signal: AbortSignal): Promise<StageAnswer> {
    const answer = await this.hello(facts, signal);
    if (answer.kind !== 'continue') return answer;
    const { session } = await this.open(facts, signal);
    if (this.transaction !== undefined) await session.abort();
    this.transaction = transaction;
    this.recipients = [];
    this.isDoneWithMessage = false;
    return await session.mail(mailParameters(transaction), facts, signal);
  }

  /** The session of a transaction that was begun; `undefined` when it is lost. */
  get session(): MilterSession | undefined {
    return this.transaction === undefined ? undefined : this.#session;
  }

  /** Forgets a session that failed. */
  lose(): void {
    this.#session?.peer.close();
    this.#session = undefined;
    this.transaction = undefined;
  }

  /** The client is gone. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.quit();
  }
}

/** What MAIL said beside the path, as it was written. */
function mailParameters({ parameters }: Transaction): readonly string[] {
  const texts: string[] = [];
  if (parameters.declaredSizeBytes !== undefined) texts.push(`SIZE=${parameters.declaredSizeBytes}`);
  if (parameters.bodyType !== '7bit') texts.push(`BODY=${parameters.bodyType.toUpperCase()}`);
  if (parameters.smtpUtf8) texts.push('SMTPUTF8');
  return texts;
}
