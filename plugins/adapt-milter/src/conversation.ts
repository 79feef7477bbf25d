/** All filters during one client's connection, asked in order at each stage; the first that refuses ends it. */
import {
  type Connection,
  defer,
  discard,
  type EnvelopeRecipient,
  type Logger,
  type Message,
  type Spool,
  type Transaction,
  type Verdict,
  withDeadline,
} from '@postroad/core';
import { type StageAnswer, verdictOf } from './answers.js';
import { Changes } from './changes.js';
import { type Milter, MilterState, type OpeningFacts } from './milter-state.js';
import { sendMessage } from './send-message.js';

/** What a conversation needs. */
export interface ConversationOptions {
  readonly milters: readonly Milter[];
  readonly hostname: string;
  readonly clientName: string;
  readonly connection: Connection;
  readonly spool: Spool;
  readonly log: Logger;
  readonly contentOctetsMax: number;
}

/** What the filters made of a message. */
export interface MessageOutcome {
  readonly verdict: Verdict | undefined;
  readonly changes: Changes;
}

/** Below the limits of the hooks, so that a filter that is late is dealt with here. */
const stageTimeoutMs = 25_000;
const messageTimeoutMs = 55_000;

/** The conversation. The stages come one after another; what comes in between, such as an unknown command, waits its turn. */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #states: readonly MilterState[];
  #discarded: Transaction | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#states = options.milters.map((milter) => new MilterState(milter));
  }

  connect(signal: AbortSignal): Promise<Verdict | undefined> {
    return this.#early(async (state, until) => (await state.open(this.#facts(), until)).answer, signal);
  }

  hello(signal: AbortSignal): Promise<Verdict | undefined> {
    return this.#early((state, until) => state.hello(this.#facts(), until), signal);
  }

  /** Tells the filters that are connected of a line that is no command. */
  unknown(line: string, signal: AbortSignal): Promise<Verdict | undefined> {
    const ask = async (state: MilterState, until: AbortSignal): Promise<StageAnswer> => {
      await state.unknown(line, until);
      return { kind: 'continue' };
    };
    return this.#early(ask, signal);
  }

  begin(transaction: Transaction, signal: AbortSignal): Promise<Verdict | undefined> {
    this.#discarded = undefined;
    for (const state of this.#states) state.isDoneWithMessage = false;
    const facts = this.#facts(transaction);
    return this.#stage(transaction, (state, until) => state.begin(transaction, facts, until), signal);
  }

  recipient(
    transaction: Transaction,
    recipient: EnvelopeRecipient,
    signal: AbortSignal,
  ): Promise<Verdict | undefined> {
    const facts = { ...this.#facts(transaction), recipient: recipient.address };
    const ask = async (state: MilterState, until: AbortSignal) => {
      const answer = await sessionOf(state).recipient(recipientParameters(recipient), facts, until);
      if (answer.kind !== 'refuse') state.recipients.push(recipient);
      return answer;
    };
    return this.#stage(transaction, ask, signal);
  }

  data(transaction: Transaction, signal: AbortSignal): Promise<Verdict | undefined> {
    const ask = async (state: MilterState, until: AbortSignal) => {
      const again = await this.#recall(state, transaction, until);
      return again.kind === 'continue' ? await sessionOf(state).data(this.#facts(transaction), until) : again;
    };
    return this.#stage(transaction, ask, signal);
  }

  async message(message: Message, signal: AbortSignal): Promise<MessageOutcome> {
    const { transaction, envelope, body } = message;
    const changes = new Changes(body, envelope.recipients);
    const ask = async (state: MilterState, until: AbortSignal) => {
      const { clock, config } = state.milter;
      const { spool, contentOctetsMax } = this.#options;
      const session = sessionOf(state);
      const { answer, isAtEnd } = await sendMessage({
        session,
        changes,
        facts: this.#facts(transaction),
        spool,
        clock,
        endTimeoutMs: config.endTimeoutMs,
        contentOctetsMax,
        adopt: (made) => message.adopt(made),
        signal: until,
      });
      if (isAtEnd) state.transaction = undefined;
      return answer;
    };
    return { verdict: await this.#stage(transaction, ask, signal, messageTimeoutMs), changes };
  }

  async close(): Promise<void> {
    await Promise.all(this.#states.map((state) => state.close()));
  }

  /** A recipient that somebody else refused after a filter had seen it: the filter hears the transaction again without. */
  async #recall(state: MilterState, transaction: Transaction, signal: AbortSignal): Promise<StageAnswer> {
    const taken = new Set(transaction.recipients);
    if (state.recipients.every((recipient) => taken.has(recipient))) return { kind: 'continue' };
    const begun = await state.begin(transaction, this.#facts(transaction), signal);
    if (begun.kind !== 'continue') return begun;
    for (const recipient of transaction.recipients) {
      const facts = { ...this.#facts(transaction), recipient: recipient.address };
      const answer = await sessionOf(state).recipient(recipientParameters(recipient), facts, signal);
      if (answer.kind !== 'continue') return answer;
      state.recipients.push(recipient);
    }
    return { kind: 'continue' };
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const own = before.then(work);
    this.#turn = own.catch(() => undefined);
    return await own;
  }

  /** Connect and hello: a filter that fails here is tried again when a transaction begins. */
  async #early(
    ask: (state: MilterState, signal: AbortSignal) => Promise<StageAnswer>,
    signal: AbortSignal,
  ): Promise<Verdict | undefined> {
    return await this.#inTurn(() => this.#earlyInTurn(ask, signal));
  }

  async #earlyInTurn(
    ask: (state: MilterState, signal: AbortSignal) => Promise<StageAnswer>,
    signal: AbortSignal,
  ): Promise<Verdict | undefined> {
    for (const state of this.#states) {
      if (state.isDone) continue;
      try {
        const answer = await withDeadline(state.milter.clock, stageTimeoutMs, signal, (until) =>
          ask(state, until),
        );
        if (answer.kind === 'refuse') return verdictOf(answer.reply, state.milter.config.name);
        if (answer.kind === 'accept') state.isDone = true;
      } catch (error) {
        state.lose();
        this.#report(state, error);
      }
    }
    return undefined;
  }

  async #stage(
    transaction: Transaction,
    ask: (state: MilterState, signal: AbortSignal) => Promise<StageAnswer>,
    signal: AbortSignal,
    timeoutMs = stageTimeoutMs,
  ): Promise<Verdict | undefined> {
    const { clock } = this.#states[0]?.milter ?? {};
    if (this.#discarded === transaction || clock === undefined) return this.#dropped(transaction);
    const askAll = async (all: AbortSignal) => {
      for (const state of this.#states) {
        if (state.isDone || state.isDoneWithMessage) continue;
        const verdict = await this.#askOne(state, transaction, ask, all, timeoutMs);
        if (verdict !== undefined) return verdict;
      }
      return undefined;
    };
    return await this.#inTurn(() => withDeadline(clock, timeoutMs + 2_000, signal, askAll));
  }

  async #askOne(
    state: MilterState,
    transaction: Transaction,
    ask: (state: MilterState, signal: AbortSignal) => Promise<StageAnswer>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Verdict | undefined> {
    const { clock, config } = state.milter;
    try {
      const answer = await withDeadline(clock, timeoutMs, signal, (until) => ask(state, until));
      switch (answer.kind) {
        case 'refuse':
          return verdictOf(answer.reply, config.name);
        case 'accept':
          state.isDoneWithMessage = true;
          return undefined;
        case 'discard':
          this.#discarded = transaction;
          return this.#dropped(transaction);
        default:
          return undefined;
      }
    } catch (error) {
      state.lose();
      this.#report(state, error);
      // Fails closed unless the configuration says otherwise.
      if (config.onError === 'defer')
        return defer(451, '3.0', 'try again later', { rule: config.name, reason: 'no answer' });
      state.isDoneWithMessage = true;
      return undefined;
    }
  }

  /** The whole message is dropped at its end, whatever stage said so. */
  #dropped(transaction: Transaction): Verdict | undefined {
    return this.#discarded === transaction ? discard('a milter discards it') : undefined;
  }

  #facts(transaction?: Transaction): OpeningFacts {
    const { hostname, connection, clientName } = this.#options;
    return {
      hostname,
      connection,
      clientName,
      messageId: transaction?.id,
      reversePath: transaction?.reversePath,
    };
  }

  #report({ milter }: MilterState, error: unknown): void {
    const { name, onError } = milter.config;
    this.#options.log.error('a milter could not be asked', {
      milter: name,
      skipped: onError === 'skip',
      error,
    });
  }
}

function sessionOf(state: MilterState) {
  if (state.session === undefined) throw new Error('the session with the milter is lost');
  return state.session;
}

/** What RCPT said beside the path (RFC 3461 section 4). */
function recipientParameters({ notify, orcpt }: EnvelopeRecipient): readonly string[] {
  const texts: string[] = [];
  if (notify !== undefined)
    texts.push(`NOTIFY=${notify === 'never' ? 'NEVER' : notify.join(',').toUpperCase()}`);
  if (orcpt !== undefined) texts.push(`ORCPT=${orcpt.replace(/[^!-*,-<>-~]/gu, '?')}`);
  return texts;
}
