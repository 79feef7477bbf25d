/** One delivery from beginning to end: idle connection or hosts in order, sessions, transactions, outcomes. */
import {
  type Delivery,
  type DeliveryReport,
  type QueuedMessage,
  type QueuedRecipient,
  type RecipientOutcome,
  type Reply,
  reply,
  type TlsPolicy,
  type TlsSessionResult,
} from '@postroad/core';
import type { Candidates } from './candidates.js';
import { abortable } from './client/abortable.js';
import type { Answer } from './client/answer.js';
import { noCapabilities } from './client/capabilities.js';
import type { NamedClient } from './client/name-client.js';
import { cutShort, runBatches } from './client/run-batches.js';
import type { SmtpConnection } from './client/smtp-connection.js';
import { runTransaction } from './client/transaction.js';
import { type Contents, contentsOf } from './converted-content.js';
import type { Deliverer } from './deliverer.js';
import { clientOf, outcomeOf, tlsFacts } from './delivery-facts.js';
import { findCandidates } from './find-candidates.js';
import type { Opened, Trouble } from './opened.js';
import { makeSession, type SmtpRoute } from './session-maker.js';
import { findShared } from './shared-connections.js';
import { findTargets } from './targets.js';
import { policyResult, sessionResult } from './tls/session-result.js';

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

class DeliveryRun {
  readonly #deliverer: Deliverer;
  readonly #delivery: Delivery;
  readonly #route: SmtpRoute;
  readonly #signal: AbortSignal;
  /** As the next hop is to see it. */
  readonly #message: QueuedMessage;
  readonly #contents: Contents;
  readonly #tls: TlsPolicy | 'implicit';
  readonly #helloName: string;
  /** Names everything that a connection was made for. */
  #key = '';
  #isRelaxed = false;
  #open: readonly QueuedRecipient[];
  /** Of these, the ones that a server takes over another connection. */
  #waiting: readonly QueuedRecipient[] | undefined;
  #outcomes: RecipientOutcome[] = [];
  /** The last refusal for now of each recipient that is still open: what it gets when no other host takes it. */
  readonly #refusals = new Map<number, RecipientOutcome>();
  /** Where all that are open were refused for now over a connection that was kept: they are not asked there again. */
  #refusedAt: string | undefined;
  #trouble: Trouble | undefined;
  #tlsFacts: string | undefined;
  readonly #tlsSessions: TlsSessionResult[] = [];
  #transcript: readonly string[] = [];
  /** Set when a limit of connections kept the delivery from being tried. */
  #postponedUntilMs: number | undefined;
  readonly #limitKey: string;
  readonly #client: NamedClient | undefined;

  constructor(deliverer: Deliverer, delivery: Delivery, route: SmtpRoute, signal: AbortSignal) {
    const { egress, message } = delivery;
    this.#deliverer = deliverer;
    this.#delivery = delivery;
    this.#route = route;
    this.#signal = signal;
    this.#message =
      route.reversePath === undefined ? message : { ...message, reversePath: route.reversePath };
    this.#contents = contentsOf(message, deliverer.config.eightBit, deliverer.resigner);
    this.#open = delivery.recipients;
    const wished = egress.tls ?? route.tls ?? deliverer.config.tls;
    // RFC 8689 section 4.2.1: the next server must have proven who it is.
    const isProof = wished === 'implicit' || wished === 'dane';
    this.#tls = message.parameters.requireTls && !isProof ? 'verified' : wished;
    this.#helloName = egress.helloName ?? deliverer.config.helloName ?? deliverer.hostname;
    this.#limitKey = `${delivery.site} ${egress.sourceAddress ?? ''}`;
    this.#client = clientOf(message, route, deliverer.config.xclientTo);
  }

  async run(): Promise<void> {
    const { egress } = this.#delivery;
    const turn = await this.#deliverer.limits.enter(this.#limitKey, egress.connectionsMax, this.#signal);
    if ('postponedUntilMs' in turn) {
      this.#postponedUntilMs = turn.postponedUntilMs;
      return;
    }
    try {
      const scope = {
        tls: this.#tls,
        helloName: this.#helloName,
        client: this.#client,
        signal: this.#signal,
      };
      const shared = await findShared(this.#deliverer, this.#delivery, this.#route, scope);
      this.#key = shared.key;
      this.#isRelaxed = shared.isRelaxed;
      await this.#useIdle();
      if (this.#open.length > 0) await this.#useHosts();
    } finally {
      turn.leave();
    }
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
    const postponedUntilMs = this.#postponedUntilMs;
    if (postponedUntilMs !== undefined && outcomes.every(({ status }) => status === 'deferred'))
      return { outcomes: [], postponedUntilMs };
    return {
      outcomes,
      ...(this.#tlsFacts !== undefined && { tls: this.#tlsFacts }),
      ...(this.#transcript.length > 0 && { transcript: this.#transcript }),
      ...(this.#tlsSessions.length > 0 && { tlsSessions: this.#tlsSessions }),
    };
  }

  /** Tries connections that wait; one that has gone stale costs nothing but the try. */
  async #useIdle(): Promise<void> {
    for (;;) {
      const connection = this.#deliverer.pool.take(this.#key);
      if (connection === undefined) return;
      this.#deliverer.counters.reused.increase();
      if ((await this.#transact(connection)) !== 'heard') continue;
      const isRefused = this.#open.every(({ index }) => this.#refusals.has(index));
      if (connection.isUsable && isRefused) this.#refusedAt = connection.address;
      return;
    }
  }

  async #useHosts(): Promise<void> {
    const { resolver, random, config, ownNames } = this.#deliverer;
    const { port, hostsMax } = config;
    const signal = this.#signal;
    const targets = await findTargets(this.#route, { resolver, random, port, ownNames, hostsMax, signal });
    if (!('groups' in targets)) {
      this.#trouble = targets;
      return;
    }
    const candidates = findCandidates(targets.groups, {
      deliverer: this.#deliverer,
      route: this.#route,
      tls: this.#tls,
      isRelaxed: this.#isRelaxed,
      exceptAddress: this.#refusedAt,
      isTlsRequired: this.#message.parameters.requireTls,
      signal,
      note: (trouble) => this.#note(trouble),
      noteTls: (result) => this.#noteTls(result),
    });
    let sessions = 0;
    while (this.#open.length > 0 && sessions < config.sessionsMax) {
      const opened = await this.#openSession(candidates);
      if (opened === undefined) return;
      if ('connection' in opened) {
        sessions++;
        if ((await this.#transact(opened.connection)) !== 'spent') continue;
        // A session for each batch: there are no more of them than recipients.
        sessions--;
        candidates.putBack([opened.candidate]);
      } else {
        this.#note(opened.trouble);
        if (opened.candidate === undefined) return;
      }
    }
  }

  /** A session with the next host that answers; `undefined` when there is none, or it must not be made yet. */
  async #openSession(candidates: Candidates): Promise<Opened | undefined> {
    const { sourceAddress, connectionRate } = this.#delivery.egress;
    const late = await this.#deliverer.limits.connect(this.#limitKey, connectionRate, this.#signal);
    if (late !== undefined) {
      // Where a host has been asked already its answer counts.
      if (this.#trouble === undefined) this.#postponedUntilMs = late.postponedUntilMs;
      return undefined;
    }
    const maker = {
      deliverer: this.#deliverer,
      route: this.#route,
      helloName: this.#helloName,
      sourceAddress,
      client: this.#client,
      signal: this.#signal,
      tell: (lines: readonly string[]) => this.#tell(lines),
    };
    const opened = await makeSession(maker, candidates);
    if (opened?.candidate !== undefined && this.#route.transport === 'mx') {
      const { target, security } = opened.candidate;
      this.#noteTls(policyResult(this.#route.domain, security));
      this.#noteTls(sessionResult(this.#route.domain, target.host, security, opened));
    }
    return opened;
  }

  #noteTls(result: TlsSessionResult | undefined): void {
    if (result !== undefined) this.#tlsSessions.push(result);
  }

  /** Runs transactions. `spent`: the server takes no more over this connection, but would over another. */
  async #transact(connection: SmtpConnection): Promise<'heard' | 'stale' | 'spent'> {
    const { clock, config, pool } = this.#deliverer;
    const { timeouts, chunking, eightBit } = config;
    const offered = connection.capabilities ?? noCapabilities;
    const shared = {
      protocol: this.#route.transport === 'lmtp' ? 'lmtp' : 'smtp',
      message: this.#message,
      content: await this.#contents.for(offered),
      ...{ timeouts, chunking, eightBit },
    } as const;
    const end = await runBatches(connection, this.#waiting ?? this.#open, {
      run: (recipients) =>
        abortable(this.#signal, connection, () =>
          runTransaction(connection, { ...shared, nowMs: clock.now(), recipients }),
        ),
      heard: (answers) => {
        this.#tlsFacts = tlsFacts(connection);
        this.#tellTransaction(connection, answers);
        this.#settle(answers, connection);
      },
    });
    if (end.isStale) return 'stale';
    const isOver = end.isLeaving || !connection.isUsable;
    this.#waiting = isOver || end.waiting.length === 0 ? undefined : end.waiting;
    if (isOver && end.waiting.length > 0) this.#note({ status: 'deferred', reply: cutShort });
    const { messagesPerConnection = config.reuse.messagesMax } = this.#delivery.egress;
    if (end.isLeaving) connection.quit();
    else pool.give(this.#key, connection, Math.min(messagesPerConnection, offered.limits.mailMax));
    return this.#waiting === undefined ? 'heard' : 'spent';
  }

  /** Of what went well nobody asks, unless the options say so. */
  #tellTransaction(connection: SmtpConnection, answers: readonly Answer[]): void {
    const { transcripts } = this.#deliverer.config;
    if (transcripts === 'failures' && answers.every(({ status }) => status === 'delivered')) return;
    if (transcripts === 'none') return;
    this.#tell([`* ${connection.host} [${connection.address}]`, ...connection.transcript.lines()]);
  }

  #tell(lines: readonly string[]): void {
    if (this.#deliverer.config.transcripts === 'none') return;
    this.#transcript = [...this.#transcript, ...lines].slice(0, transcriptLinesMax);
  }

  #settle(answers: readonly Answer[], connection: SmtpConnection): void {
    const closed = new Set<number>();
    for (const answer of answers) {
      const outcome = outcomeOf(answer, connection);
      if (answer.status === 'deferred' && answer.isOpen) this.#refusals.set(outcome.index, outcome);
      else {
        closed.add(outcome.index);
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
}

const noServer = reply(451, '4.1', 'no server of the domain could be reached');

/** Lines of what was said in one delivery, over all its sessions. */
const transcriptLinesMax = 200;
