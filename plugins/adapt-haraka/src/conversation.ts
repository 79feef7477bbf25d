/** One client's connection through the plugins: which hooks run when, and what they come to. */
import {
  accept,
  type Body,
  type Connection,
  discard,
  type EnvelopeRecipient,
  type Message,
  type Resolver,
  type Spool,
  type Transaction,
  type Verdict,
} from '@postroad/core';
import { refusalOf } from './answers.js';
import { codes } from './codes.js';
import { HarakaConnection } from './connection.js';
import type { LoadedPlugins } from './loaded-plugins.js';
import { type HookResult, runHooks } from './run-hooks.js';
import { HarakaTransaction } from './transaction.js';

/** What the plugins made of a message. */
export interface MessageOutcome {
  readonly verdict: Verdict | undefined;
  readonly transaction: HarakaTransaction;
  /** The content that banners and filters wrote. */
  readonly made: Body | undefined;
}

/** The conversation. Its calls come one after another. */
export class Conversation {
  readonly connection: HarakaConnection;
  readonly #loaded: LoadedPlugins;
  readonly #of: Connection;
  #current: Transaction | undefined;

  constructor(loaded: LoadedPlugins, of: Connection, connection: HarakaConnection) {
    this.#loaded = loaded;
    this.#of = of;
    this.connection = connection;
  }

  async connect(resolver: Resolver | undefined, signal: AbortSignal): Promise<Verdict | undefined> {
    await this.#run('connect_init', undefined, signal);
    const named = await this.#run('lookup_rdns', undefined, signal);
    const isNamed = named.code === codes.OK && typeof named.message === 'string';
    const name = isNamed ? (named.message as string) : await this.#nameOf(resolver, signal);
    this.connection.remote.host ??= name;
    this.connection.remote.info ??= name;
    return refusalOf(named, 'lookup_rdns') ?? (await this.#stage('connect', undefined, signal));
  }

  hello(name: string, signal: AbortSignal): Promise<Verdict | undefined> {
    this.connection.update(this.#of);
    const verb = this.#of.isExtended ? 'EHLO' : 'HELO';
    this.connection.hello.verb = verb;
    this.connection.hello.host = name;
    this.connection.current_line = `${verb} ${name}`;
    return this.#stage(verb.toLowerCase(), name, signal);
  }

  async begin(transaction: Transaction, signal: AbortSignal): Promise<Verdict | undefined> {
    await this.#reset(signal);
    this.connection.update(this.#of);
    const made = new HarakaTransaction(this.#loaded.packages, this.connection, transaction);
    this.connection.setTransaction(made);
    this.#current = transaction;
    const { declaredSizeBytes } = transaction.parameters;
    const parameters = declaredSizeBytes === undefined ? {} : { SIZE: String(declaredSizeBytes) };
    return await this.#stage('mail', [made.mail_from, parameters], signal);
  }

  /** `recipient` decides: OK of a plugin, or `relaying`, accepts; nobody's opinion is none. */
  async recipient(recipient: EnvelopeRecipient, signal: AbortSignal): Promise<Verdict | undefined> {
    const { connection } = this;
    const transaction = this.#transaction();
    const address = transaction.addRecipient(recipient);
    transaction.rcpt_to.push(address);
    const params = [address, {}];
    const result = await this.#run('rcpt', params, signal);
    const refusal = refusalOf(result, 'rcpt');
    const isTaken = result.code === codes.OK || connection.relaying;
    const verdict = refusal ?? (isTaken ? await this.#recipientTaken(params[0], signal) : undefined);
    if (refusal === undefined && verdict?.verdict !== 'reject' && verdict?.verdict !== 'defer') {
      transaction.rcpt_count.accept++;
      return verdict;
    }
    if (verdict?.verdict === 'defer') transaction.rcpt_count.tempfail++;
    else transaction.rcpt_count.reject++;
    const at = transaction.rcpt_to.indexOf(address);
    if (at >= 0) transaction.rcpt_to.splice(at, 1);
    return verdict;
  }

  async #recipientTaken(address: unknown, signal: AbortSignal): Promise<Verdict> {
    return (await this.#stage('rcpt_ok', address, signal)) ?? accept();
  }

  data(signal: AbortSignal): Promise<Verdict | undefined> {
    return this.#stage('data', undefined, signal);
  }

  async message(message: Message, spool: Spool, signal: AbortSignal): Promise<MessageOutcome> {
    const transaction = this.#transaction();
    const made = await transaction.read(message.body, spool);
    if (made !== undefined) message.adopt(made);
    const refusal = await this.#stage('data_post', undefined, signal);
    const verdict = refusal ?? (await this.#queue(signal));
    const authentication = this.connection.takeAuthenticationResults();
    if (authentication !== undefined)
      transaction.add_leading_header('Authentication-Results', authentication);
    // A plugin that broke its promise later than in its hook has decided nothing either.
    return { verdict: verdict ?? this.#brokenVerdict(), transaction, made };
  }

  /** Delivery is the queue's: OK means that a plugin has taken the message for itself. */
  async #queue(signal: AbortSignal): Promise<Verdict | undefined> {
    const hook = this.connection.relaying ? 'queue_outbound' : 'queue';
    const result = await this.#run(hook, undefined, signal);
    if (result.code === codes.OK)
      return discard(`${result.plugin} has taken it`, { rule: `${result.plugin} ${hook}` });
    return refusalOf(result, hook);
  }

  async close(signal: AbortSignal): Promise<void> {
    await this.#reset(signal);
    await this.#run('disconnect', undefined, signal);
    this.connection.end();
  }

  /** The transaction is over: observers among the plugins hear of it. */
  async #reset(signal: AbortSignal): Promise<void> {
    const { transaction } = this.connection;
    if (transaction === null) return;
    await this.#run('reset_transaction', undefined, signal);
    transaction.message_stream.destroy();
    this.connection.setTransaction(null);
    this.#current = undefined;
  }

  async #stage(hook: string, params: unknown, signal: AbortSignal): Promise<Verdict | undefined> {
    const broken = this.#brokenVerdict();
    if (broken !== undefined) return broken;
    return refusalOf(await this.#run(hook, params, signal), hook);
  }

  #brokenVerdict(): Verdict | undefined {
    const { broken } = this.connection;
    if (broken === undefined || this.#loaded.run.onError === 'skip') return undefined;
    return refusalOf({ code: 'broken', message: undefined, plugin: broken }, 'callback');
  }

  #run(hook: string, params: unknown, signal: AbortSignal): Promise<HookResult> {
    return runHooks(this.#loaded.run, hook, this.connection, params, signal);
  }

  #transaction(): HarakaTransaction {
    const { transaction } = this.connection;
    if (transaction === null || this.#current === undefined) throw new Error('there is no transaction');
    return transaction;
  }

  async #nameOf(resolver: Resolver | undefined, signal: AbortSignal): Promise<string> {
    if (resolver === undefined) return 'Unknown';
    try {
      return (await resolver.names(this.#of.remoteAddress, signal))[0] ?? 'NXDOMAIN';
    } catch {
      // The word that plugins know for it.
      return 'DNSERROR';
    }
  }
}
