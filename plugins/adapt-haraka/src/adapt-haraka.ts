/** The plugin: Haraka's plugins from the registry, unmodified, as taps of this pipeline. */
import {
  Clock,
  type Connection,
  ConnectionState,
  defer,
  definePlugin,
  type Finding,
  type Message,
  messageOf,
  type Needs,
  type PluginSetup,
  Resolver,
  Spool,
} from '@postroad/core';
import { config } from './config.js';
import { HarakaConnection } from './connection.js';
import { Conversation, type MessageOutcome } from './conversation.js';
import { type LoadedPlugins, loadPlugins, stopWatching } from './loaded-plugins.js';
import { changedContent, changedRecipients, changedReversePath } from './message-changes.js';
import { runHooks } from './run-hooks.js';

const unknown = defer(451, '3.0', 'temporary problem, try again later', { rule: 'no outcome' });

/** Runs plugins of Haraka. */
export const adaptHaraka = definePlugin({
  name: 'adapt-haraka',
  description: "Runs Haraka's plugins unmodified.",
  config,
  needs: { clock: Clock, resolver: Resolver, spool: Spool },
  setup({ config, services, hostname, log, tap, onStart, keep, defer: undo }) {
    const { clock, resolver, spool } = services;
    let loaded: LoadedPlugins | undefined;
    const conversations = new Map<Connection, Conversation>();
    const outcomes = new WeakMap<Message, MessageOutcome>();

    onStart(async (signal) => {
      const made = await loadPlugins(config, clock, log);
      loaded = made;
      const { packages, server, run } = made;
      // Files are watched for all generations together: the last one ends it.
      const watched = `adapt-haraka.files:${config.directory}`;
      await keep(
        watched,
        async () => made,
        async (kept) => stopWatching(kept, config.directory),
      );
      const nobody = new HarakaConnection(packages, noConnection(), server, hostname, log);
      // One process is master and child in one.
      await runHooks(run, 'init_master', nobody, server, signal);
      await runHooks(run, 'init_child', nobody, server, signal);
    });
    undo(() => {
      for (const plugin of loaded?.plugins ?? []) plugin.shutdown?.();
    });

    const conversationOf = (connection: Connection): Conversation => {
      const known = conversations.get(connection);
      if (known !== undefined) return known;
      if (loaded === undefined) throw new Error('the plugins of Haraka are not loaded');
      const { packages, server } = loaded;
      const made = new Conversation(
        loaded,
        connection,
        new HarakaConnection(packages, connection, server, hostname, log),
      );
      conversations.set(connection, made);
      return made;
    };
    const close = async (connection: Connection, signal: AbortSignal) => {
      const conversation = conversations.get(connection);
      conversations.delete(connection);
      await conversation?.close(signal);
    };

    tap('connect', (connection, signal) =>
      conversationOf(connection).connect(config.lookUpName ? resolver : undefined, signal),
    );
    tap('hello', (connection, name, signal) => conversationOf(connection).hello(name, signal));
    tap('reversePath', (transaction, _path, signal) =>
      conversationOf(transaction.connection).begin(transaction, signal),
    );
    tap(
      'recipient',
      (transaction, recipient, signal) => conversationOf(transaction.connection).recipient(recipient, signal),
      // Whoever accepts a recipient ends the hook: Haraka's plugins come before.
      { order: 'early' },
    );
    tap('dataStart', (transaction, signal) => conversationOf(transaction.connection).data(signal));
    tap('inspect', async (message, signal): Promise<readonly Finding[]> => {
      const { connection } = message.transaction;
      try {
        const outcome = await conversationOf(connection).message(message, spool, signal);
        outcomes.set(message, outcome);
        return findingsOf(outcome);
      } catch (error) {
        log.error('the plugins of Haraka failed', { message: message.id, error });
        return [{ source: 'haraka', error: messageOf(error) }];
      } finally {
        // Nobody says goodbye for a message that was handed in from code.
        if (connection.protocol === 'code') await close(connection, signal);
      }
    });
    tapOutcomes(tap, outcomes);
    tap('closed', close);
    // A message from code that is refused half-way has no other end.
    tap('refused', async ({ connection }, signal) => {
      if (connection.protocol === 'code') await close(connection, signal);
    });
  },
});

/** The taps that carry out what the plugins made of a message. */
function tapOutcomes(
  tap: PluginSetup<unknown, Needs>['tap'],
  outcomes: WeakMap<Message, MessageOutcome>,
): void {
  tap('message', (message) => {
    const outcome = outcomes.get(message);
    if (outcome === undefined) return unknown;
    return outcome.verdict?.verdict === 'discard' ? undefined : outcome.verdict;
  });
  tap(
    'message',
    (message) => {
      const verdict = outcomes.get(message)?.verdict;
      return verdict?.verdict === 'discard' ? verdict : undefined;
    },
    { order: 'late' },
  );
  tap('expand', (message, recipients) => {
    const outcome = outcomes.get(message);
    if (outcome === undefined) return undefined;
    const { transaction } = outcome;
    const reversePath = changedReversePath(transaction, message.envelope.reversePath);
    if (reversePath !== undefined) message.returnTo(reversePath);
    return changedRecipients(transaction, message.envelope.recipients, recipients);
  });
  tap('content', (message, _findings, body) => {
    const outcome = outcomes.get(message);
    return outcome === undefined ? undefined : changedContent(outcome.transaction, body, outcome.made);
  });
}

/** What the plugins put into `results`, by plugin, for policy and logs. */
function findingsOf({ transaction }: MessageOutcome): readonly Finding[] {
  const { results } = transaction as { results: { get_all(): Record<string, unknown> } };
  return Object.entries(results.get_all()).map(([name, result]): Finding => {
    const { human, fail, score } = result as { human?: unknown; fail?: unknown; score?: unknown };
    return {
      source: `haraka.${name}`,
      result: Array.isArray(fail) && fail.length > 0 ? 'fail' : 'pass',
      ...(typeof human === 'string' && { text: human.slice(0, 500) }),
      ...(typeof score === 'number' && Number.isFinite(score) && { score }),
    };
  });
}

/** A connection for the hooks of the start, which have none. */
function noConnection(): Connection {
  return new ConnectionState({
    id: 'start',
    protocol: 'code',
    role: 'internal',
    listener: 'start',
    remoteAddress: '127.0.0.1',
    remotePort: 0,
    localAddress: '127.0.0.1',
    localPort: 0,
    openedAtMs: 0,
  });
}
