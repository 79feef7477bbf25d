/** One delivery from beginning to end: idle connection or hosts in order, sessions, transactions, outcomes. */
import {
  type Delivery,
  type DeliveryReport,
  type HostRoute,
  type MxRoute,
  type QueuedRecipient,
  type RecipientOutcome,
  type Reply,
  reply,
  type TlsPolicy,
} from '@postroad/core';
import { type Answer, isTooManyRecipients } from './client/answer.js';
import { type Content, contentOf } from './client/content.js';
import { dial } from './client/dial.js';
import { openSession, type SessionOptions } from './client/open-session.js';
import { RemoteError } from './client/remote-error.js';
import { SmtpConnection } from './client/smtp-connection.js';
import { runTransaction } from './client/transaction.js';
import type { Deliverer } from './deliverer.js';
import { findAddresses, findTargets, type Target } from './targets.js';

/** The routes that this plugin knows. */
export type SmtpRoute = MxRoute | HostRoute;

/** Delivers; resolves with an outcome for each recipient, whatever happens. */
export async function deliver(
  deliverer: Deliverer,
  delivery: Delivery,
  route: SmtpRoute,
  signal: AbortSignal,
): Promise<DeliveryReport> {
  const run = new DeliveryRun(deliverer, delivery, route, signal);
  try {
    await run.run();
  } catch (error) {
    // A signal or a fault of ours; what was delivered before stays delivered.
    if (!signal.aborted) deliverer.log.error('delivery broke off', { error, delivery: delivery.id });
    run.closeWith('deferred', reply(451, '3.0', 'the delivery was broken off'));
  }
  return run.report();
}

interface Trouble {
  readonly status: 'deferred' | 'failed';
  readonly reply: Reply;
  readonly remote?: { readonly name: string; readonly address: string } | undefined;
}

class DeliveryRun {
  readonly #deliverer: Deliverer;
  readonly #delivery: Delivery;
  readonly #route: SmtpRoute;
  readonly #signal: AbortSignal;
  readonly #content: Content;
  readonly #tls: TlsPolicy | 'implicit';
  readonly #helloName: string;
  readonly #key: string;
  #open: readonly QueuedRecipient[];
  #outcomes: RecipientOutcome[] = [];
  /** The last refusal for now of each recipient that is still open: what it gets when no other host takes it. */
  readonly #refusals = new Map<number, RecipientOutcome>();
  #trouble: Trouble | undefined;
  #tlsFacts: string | undefined;

  constructor(deliverer: Deliverer, delivery: Delivery, route: SmtpRoute, signal: AbortSignal) {
    const { egress, message } = delivery;
    this.#deliverer = deliverer;
    this.#delivery = delivery;
    this.#route = route;
    this.#signal = signal;
    this.#content = contentOf(message);
    this.#open = delivery.recipients;
    const wished = egress.tls ?? route.tls ?? deliverer.config.tls;
    // RFC 8689 section 4.2.1: the next server must have proven who it is.
    this.#tls = message.parameters.requireTls && wished !== 'implicit' ? 'verified' : wished;
    this.#helloName = egress.helloName ?? deliverer.config.helloName ?? deliverer.hostname;
    const login = route.transport === 'mx' ? '' : (route.login ?? '');
    this.#key = JSON.stringify([
      delivery.site,
      this.#tls,
      this.#helloName,
      egress.sourceAddress ?? '',
      login,
    ]);
  }

  async run(): Promise<void> {
    await this.#useIdle();
    if (this.#open.length > 0) await this.#useHosts();
    for (const recipient of this.#open) {
      const refusal = this.#refusals.get(recipient.index);
      if (refusal !== undefined) this.#outcomes.push(refusal);
    }
    this.#open = this.#open.filter(({ index }) => !this.#refusals.has(index));
    const { status, reply: said, remote } = this.#trouble ?? { status: 'deferred' as const, reply: noServer };
    this.closeWith(status, said, remote);
  }

  /** Gives the recipients that have no outcome yet this one. */
  closeWith(status: 'deferred' | 'failed', said: Reply, remote?: Trouble['remote']): void {
    for (const { index } of this.#open)
      this.#outcomes.push({ index, status, reply: said, ...(remote !== undefined && { remote }) });
    this.#open = [];
  }

  report(): DeliveryReport {
    const outcomes = this.#outcomes;
    return this.#tlsFacts === undefined ? { outcomes } : { outcomes, tls: this.#tlsFacts };
  }

  /** Tries connections that wait; one that has gone stale costs nothing but the try. */
  async #useIdle(): Promise<void> {
    for (;;) {
      const connection = this.#deliverer.pool.take(this.#key);
      if (connection === undefined) return;
      this.#deliverer.counters.reused.increase();
      if ((await this.#transact(connection)) === 'heard') return;
    }
  }

  async #useHosts(): Promise<void> {
    const { resolver, random, config, ownNames } = this.#deliverer;
    const { port, hostsMax } = config;
    const signal = this.#signal;
    const targets = await findTargets(this.#route, { resolver, random, port, ownNames, hostsMax, signal });
    if (!('hosts' in targets)) {
      this.#trouble = targets;
      return;
    }
    let sessions = 0;
    for (const target of targets.hosts) {
      if (this.#open.length === 0 || sessions >= config.sessionsMax) return;
      sessions += await this.#useHost(target, config.sessionsMax - sessions);
    }
  }

  /** Tries the addresses of a host; gives the number of sessions that came to a transaction. */
  async #useHost(target: Target, sessionsMax: number): Promise<number> {
    const { resolver, config, reachability } = this.#deliverer;
    const found = await findAddresses(target, {
      resolver,
      allowPrivate: config.allowPrivateAddresses,
      addressesMax: config.addressesMax,
      signal: this.#signal,
    });
    if (!('addresses' in found)) {
      this.#note(found);
      return 0;
    }
    let left = reachability.sort(found.addresses);
    let sessions = 0;
    while (left.length > 0 && this.#open.length > 0 && sessions < sessionsMax) {
      const connection = await this.#connect(target, left);
      if (connection === undefined) break;
      left = left.filter((address) => address !== connection.address);
      const session = await this.#openSession(connection, target, this.#tls);
      if (session === undefined) continue;
      sessions++;
      await this.#transact(session);
    }
    return sessions;
  }

  async #connect(target: Target, addresses: readonly string[]): Promise<SmtpConnection | undefined> {
    const { clock, config, reachability, counters } = this.#deliverer;
    try {
      const { socket, address } = await dial({
        addresses,
        port: target.port,
        sourceAddress: this.#delivery.egress.sourceAddress,
        connectMs: config.timeouts.connectMs,
        clock,
        signal: this.#signal,
        onUnreachable: (failed) => reachability.failed(failed),
      });
      reachability.reached(address);
      counters.opened.increase();
      return new SmtpConnection({ socket, address, host: target.host, clock });
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.#note(troubleOf(error));
      return undefined;
    }
  }

  /** Opens a session; a connection that can't be encrypted is made again in plain where the policy allows it. */
  async #openSession(
    connection: SmtpConnection,
    target: Target,
    tls: TlsPolicy | 'implicit',
  ): Promise<SmtpConnection | undefined> {
    try {
      await this.#abortable(connection, () => openSession(connection, this.#sessionOptions(target, tls)));
      return connection;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof RemoteError)) throw error;
      if (error.step === 'tls' && tls === 'opportunistic') {
        const { address } = connection;
        this.#deliverer.log.info('TLS failed, going on without', { host: target.host, address, error });
        const plain = await this.#connect(target, [address]);
        return plain === undefined ? undefined : await this.#openSession(plain, target, 'none');
      }
      this.#note(troubleOf(error, connection));
      return undefined;
    }
  }

  #sessionOptions(target: Target, tls: TlsPolicy | 'implicit'): SessionOptions {
    const { secureContext, config } = this.#deliverer;
    const { login, password } = this.#route.transport === 'mx' ? {} : this.#route;
    return {
      protocol: this.#route.transport === 'lmtp' ? 'lmtp' : 'smtp',
      helloName: this.#helloName,
      tls,
      secureContext,
      certificateName: target.host,
      login: login === undefined ? undefined : { name: login, password: password ?? '' },
      plaintextLogin: config.plaintextLogin,
      timeouts: config.timeouts,
    };
  }

  /** Runs transactions until no recipient is left that was only one too many. */
  async #transact(connection: SmtpConnection): Promise<'heard' | 'stale'> {
    const { clock, config, pool } = this.#deliverer;
    const isReused = connection.transactions > 0;
    const protocol = this.#route.transport === 'lmtp' ? 'lmtp' : 'smtp';
    const { message } = this.#delivery;
    const { timeouts, chunking, eightBit } = config;
    let recipients = this.#open;
    while (recipients.length > 0) {
      const shared = {
        protocol,
        message,
        content: this.#content,
        timeouts,
        chunking,
        eightBit,
        nowMs: clock.now(),
      } as const;
      const { answers, isUnheard } = await this.#abortable(connection, () =>
        runTransaction(connection, { ...shared, recipients }),
      );
      if (isUnheard && isReused && recipients === this.#open) return 'stale';
      this.#tlsFacts = tlsFacts(connection);
      this.#settle(answers, connection);
      const isProgress = answers.some(({ status }) => status === 'delivered');
      // RFC 5321 section 4.5.3.1.10: the recipients that were too many go in another transaction.
      recipients = isProgress && connection.isUsable ? tooMany(answers) : [];
    }
    pool.give(this.#key, connection);
    return 'heard';
  }

  #settle(answers: readonly Answer[], connection: SmtpConnection): void {
    const closed = new Set<number>();
    for (const { recipient, status, reply: said, isQuoted, isOpen } of answers) {
      const remote = { name: connection.host, address: connection.address };
      const isPassedOn = status === 'delivered' && connection.capabilities?.has('DSN') === true;
      const outcome: RecipientOutcome = {
        index: recipient.index,
        status,
        reply: said,
        ...(isQuoted && { remote }),
        ...(isPassedOn && { dsnPassedOn: true }),
      };
      if (status === 'deferred' && isOpen) this.#refusals.set(recipient.index, outcome);
      else {
        closed.add(recipient.index);
        this.#outcomes.push(outcome);
      }
    }
    this.#open = this.#open.filter(({ index }) => !closed.has(index));
  }

  /** Something that may mend outweighs what will not: another host may be back later. */
  #note(trouble: Trouble): void {
    if (this.#trouble?.status === 'deferred' && trouble.status === 'failed') return;
    this.#trouble = trouble;
  }

  async #abortable<T>(connection: SmtpConnection, run: () => Promise<T>): Promise<T> {
    const onAbort = () => connection.end(this.#signal.reason);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    if (this.#signal.aborted) onAbort();
    try {
      return await run();
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }
}

const noServer = reply(451, '4.1', 'no server of the domain could be reached');

function troubleOf(error: RemoteError, connection?: SmtpConnection): Trouble {
  const status = error.reply.code >= 500 ? 'failed' : 'deferred';
  if (!error.isQuoted || connection === undefined) return { status, reply: error.reply };
  return { status, reply: error.reply, remote: { name: connection.host, address: connection.address } };
}

function tooMany(answers: readonly Answer[]): readonly QueuedRecipient[] {
  return answers
    .filter(({ status, isOpen, reply: said }) => status === 'deferred' && isOpen && isTooManyRecipients(said))
    .map(({ recipient }) => recipient);
}

function tlsFacts(connection: SmtpConnection): string | undefined {
  if (connection.tls === undefined) return undefined;
  const { standardName } = connection.tls.getCipher();
  const version = connection.tls.getProtocol() ?? 'TLS';
  return `${version} ${standardName}${connection.isVerified ? ' verified' : ''}`;
}
