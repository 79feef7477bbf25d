/** The plugin: services of MTA Hooks are asked over HTTP, on a message's way in and on its way out. */
import {
  Clock,
  defer,
  definePlugin,
  type EnvelopeRecipient,
  type Finding,
  isSameAddress,
  type Message,
  Random,
  Resolver,
  Spool,
  type Transaction,
  type Verdict,
  withDeadline,
} from '@postroad/core';
import { config, type HookStage } from './config.js';
import { type DocumentFacts, inboundDocument, recipientsOf, reversePathOf, verdictOf } from './document.js';
import { HookClient } from './hook-client.js';
import { applyToMessage, type MessageState } from './message-state.js';
import { tapOutbound } from './outbound.js';
import { applyAnswer } from './patch.js';

const unknown = defer(451, '3.0', 'temporary problem, try again later', { rule: 'no outcome' });
const goodbyeMs = 3_000;

/** Asks services of MTA Hooks. */
export const adaptMtaHooks = definePlugin({
  name: 'adapt-mta-hooks',
  description: 'Asks services of MTA Hooks over HTTP.',
  config,
  needs: { clock: Clock, random: Random, resolver: Resolver, spool: Spool },
  setup({ config, services, hostname, log, tap, defer: undo }) {
    const { clock, random, resolver, spool } = services;
    const { answerOctetsMax } = config;
    const clients = config.services.map(
      (service) => new HookClient({ service, clock, random, resolver, hostname, answerOctetsMax }),
    );
    undo(async () => {
      const signal = new AbortController().signal;
      const goodbyes = clients.map((client) =>
        withDeadline(clock, goodbyeMs, signal, (until) => client.close(until)).catch(() => undefined),
      );
      await Promise.all(goodbyes);
    });
    const states = new WeakMap<Message, MessageState>();
    const askedAt = (stage: HookStage) =>
      clients.filter(({ service }) => [...service.inbound, ...service.outbound].includes(stage as never));

    /** Asks one service, within its time; a failure is a verdict, or nothing when it is skipped. */
    async function ask<T>(
      client: HookClient,
      signal: AbortSignal,
      work: (until: AbortSignal) => Promise<T>,
    ): Promise<T | typeof unknown | undefined> {
      const { name, timeoutMs, onError } = client.service;
      try {
        return await withDeadline(clock, timeoutMs, signal, work);
      } catch (error) {
        log.error('a service of MTA Hooks could not be asked', {
          service: name,
          skipped: onError === 'skip',
          error,
        });
        return onError === 'skip' ? undefined : unknown;
      }
    }

    async function early(
      stage: HookStage,
      facts: Omit<DocumentFacts, 'nowMs' | 'hostname'>,
      signal: AbortSignal,
    ) {
      for (const client of askedAt(stage)) {
        const verdict = await ask(client, signal, async (until): Promise<Verdict | undefined> => {
          const document = inboundDocument({ ...facts, nowMs: clock.now(), hostname });
          const answer = await client.ask({ stage, document, rawMessage: undefined }, until);
          return answer === undefined
            ? undefined
            : verdictOf(applyAnswer(document, answer), client.service.name);
        });
        if (verdict !== undefined) return verdict;
      }
      return undefined;
    }
    const within = (transaction: Transaction) => ({ connection: transaction.connection, transaction });

    if (askedAt('connect').length > 0)
      tap('connect', (connection, signal) => early('connect', { connection }, signal));
    if (askedAt('ehlo').length > 0)
      tap('hello', (connection, _name, signal) => early('ehlo', { connection }, signal));
    if (askedAt('mail').length > 0) {
      tap('reversePath', (transaction, _path, signal) => early('mail', within(transaction), signal));
    }
    if (askedAt('rcpt').length > 0) {
      tap(
        'recipient',
        (transaction, recipient, signal) => early('rcpt', { ...within(transaction), recipient }, signal),
        // Whoever accepts a recipient ends the hook.
        { order: 'early' },
      );
    }
    tapOutbound({ tap, clock, hostname, log, clients });
    const dataClients = askedAt('data');
    if (dataClients.length === 0) return;

    tap('inspect', async (message, signal): Promise<Finding | undefined> => {
      const { transaction, body } = message;
      const facts = { ...within(transaction), header: body.header, nowMs: clock.now(), hostname };
      let state: MessageState = {
        document: inboundDocument(facts),
        body,
        verdict: undefined,
        mark: undefined,
      };
      for (const client of dataClients) {
        const before = state;
        const after = await ask(client, signal, async (until) => {
          const question = { stage: 'data', document: before.document, rawMessage: before.body } as const;
          const answer = await client.ask(question, until);
          return await applyToMessage(before, answer, { service: client.service, message, spool });
        });
        if (after === unknown) state = { ...before, verdict: unknown };
        else if (after !== undefined) state = after as MessageState;
        if (state.verdict !== undefined) break;
      }
      states.set(message, state);
      return undefined;
    });
    tapOutcomes(tap, states);
  },
});

type Tap = Parameters<typeof tapOutbound>[0]['tap'];

/** The taps that carry out what became of a message. */
function tapOutcomes(tap: Tap, states: WeakMap<Message, MessageState>): void {
  tap('message', (message) => {
    const state = states.get(message);
    if (state === undefined) return unknown;
    return state.verdict?.verdict === 'discard' ? undefined : state.verdict;
  });
  tap('message', (message) => states.get(message)?.verdict ?? states.get(message)?.mark, { order: 'late' });
  tap('expand', (message, recipients) => {
    const state = states.get(message);
    if (state === undefined) return undefined;
    const { envelope } = message;
    const reversePath = reversePathOf(state.document);
    const isSame =
      reversePath === null || envelope.reversePath === null
        ? reversePath === envelope.reversePath
        : isSameAddress(reversePath, envelope.reversePath);
    if (!isSame) message.returnTo(reversePath);
    return changedRecipients(state, envelope.recipients, recipients);
  });
  tap(
    'content',
    (message, _findings, body) => {
      const state = states.get(message);
      if (state === undefined || state.body === message.body) return undefined;
      // It was made of what was received: what somebody else changed before would be lost.
      if (body !== message.body) throw new Error('the content was changed before MTA Hooks could');
      return state.body;
    },
    { order: 'early' },
  );
}

function changedRecipients(
  { document }: MessageState,
  accepted: readonly EnvelopeRecipient[],
  recipients: readonly EnvelopeRecipient[],
): readonly EnvelopeRecipient[] | undefined {
  const wanted = recipientsOf(document);
  const gone = accepted.filter(({ address }) => !wanted.some((one) => isSameAddress(one, address)));
  const added = wanted.filter((address) => !accepted.some((one) => isSameAddress(one.address, address)));
  if (gone.length === 0 && added.length === 0) return undefined;
  const kept = recipients.filter(({ address }) => !gone.some((one) => isSameAddress(one.address, address)));
  return [...kept, ...added.map((address) => ({ address }))];
}
