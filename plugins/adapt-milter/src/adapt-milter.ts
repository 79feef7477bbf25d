/** The plugin: the server's side of the milter protocol, each filter asked at every stage of each transaction. */
import {
  Clock,
  type Connection,
  defer,
  definePlugin,
  type EnvelopeRecipient,
  editHeader,
  type Finding,
  isSameAddress,
  type Message,
  messageOf,
  quarantine,
  Resolver,
  Spool,
  withHeaderSection,
} from '@postroad/core';
import type { Changes } from './changes.js';
import { config } from './config.js';
import { Conversation, type MessageOutcome } from './conversation.js';
import { createMilter } from './milter-state.js';

const unknown = defer(451, '3.0', 'try again later', { rule: 'no outcome' });

/** Has milters judge and change mail. */
export const adaptMilter = definePlugin({
  name: 'adapt-milter',
  description: 'Has milters judge and change mail.',
  config,
  needs: { clock: Clock, resolver: Resolver, spool: Spool },
  setup({ config, services, hostname, log, tap }) {
    const { clock, resolver, spool } = services;
    const milters = config.milters.map((one) => createMilter(one, clock, resolver, log));
    const conversations = new Map<Connection, Promise<Conversation>>();
    const outcomes = new WeakMap<Message, MessageOutcome>();
    const conversationOf = (connection: Connection, signal: AbortSignal) => {
      const known = conversations.get(connection);
      if (known !== undefined) return known;
      const made = (async () => {
        const clientName = await nameOf(connection, config.lookUpName ? resolver : undefined, signal);
        const { contentOctetsMax } = config;
        return new Conversation({ milters, hostname, clientName, connection, spool, log, contentOctetsMax });
      })();
      conversations.set(connection, made);
      return made;
    };
    const close = async (connection: Connection) => {
      const conversation = conversations.get(connection);
      conversations.delete(connection);
      await (await conversation)?.close();
    };

    tap('connect', async (connection, signal) => (await conversationOf(connection, signal)).connect(signal));
    tap('hello', async (connection, _name, signal) =>
      (await conversationOf(connection, signal)).hello(signal),
    );
    tap('reversePath', async (transaction, _path, signal) =>
      (await conversationOf(transaction.connection, signal)).begin(transaction, signal),
    );
    tap(
      'recipient',
      async (transaction, recipient, signal) =>
        (await conversationOf(transaction.connection, signal)).recipient(transaction, recipient, signal),
      // Whoever accepts a recipient ends the hook: filters come before.
      { order: 'early' },
    );
    tap('dataStart', async (transaction, signal) =>
      (await conversationOf(transaction.connection, signal)).data(transaction, signal),
    );
    tap('inspect', async (message, signal): Promise<Finding | undefined> => {
      const { connection } = message.transaction;
      try {
        outcomes.set(message, await (await conversationOf(connection, signal)).message(message, signal));
        return undefined;
      } catch (error) {
        return { source: 'milter', error: messageOf(error) };
      } finally {
        // Nobody says goodbye for a message that was handed in from code.
        if (connection.protocol === 'code') await close(connection);
      }
    });
    tap(
      'message',
      (message) => {
        const outcome = outcomes.get(message);
        // Failing open has been decided filter by filter; what failed otherwise fails closed.
        if (outcome === undefined) return unknown;
        return outcome.verdict?.verdict === 'discard' ? undefined : outcome.verdict;
      },
      {
        description: `milters in order: ${milters.map(({ config: one }) => `${one.name} (none answers: ${one.onError})`).join(', ')}`,
      },
    );
    tap('message', (message) => markOf(outcomes.get(message)), { order: 'late' });
    tap('expand', (message, recipients) => {
      const changes = outcomes.get(message)?.changes;
      return changes === undefined ? undefined : changeEnvelope(message, recipients, changes);
    });
    tap('content', (message, _findings, body) => {
      const changes = outcomes.get(message)?.changes;
      if (changes === undefined || (changes.edits.length === 0 && changes.content === undefined))
        return undefined;
      return withHeaderSection(changes.content ?? body, editHeader(body.headerBytes, changes.edits));
    });
    tap('closed', close);
    // A message from code that is refused half-way has no other end.
    tap('refused', async ({ connection, line }, signal) => {
      if (connection.protocol === 'code') await close(connection);
      const conversation = line === undefined ? undefined : await conversations.get(connection);
      await conversation?.unknown(line ?? '', signal);
    });
  },
});

function markOf(outcome: MessageOutcome | undefined) {
  if (outcome?.verdict?.verdict === 'discard') return outcome.verdict;
  const reason = outcome?.changes.quarantine;
  return reason === undefined ? undefined : quarantine(`milter: ${reason}`);
}

/** Another sender at once; the recipients when they are others, whatever they have been expanded to. */
function changeEnvelope(
  message: Message,
  recipients: readonly EnvelopeRecipient[],
  changes: Changes,
): readonly EnvelopeRecipient[] | undefined {
  if (changes.reversePath !== undefined) message.returnTo(changes.reversePath);
  if (!changes.hasOtherRecipients) return undefined;
  const isAmong = (list: readonly EnvelopeRecipient[], { address }: EnvelopeRecipient) =>
    list.some((one) => isSameAddress(one.address, address));
  const { envelope } = message;
  const gone = envelope.recipients.filter((one) => !isAmong(changes.recipients, one));
  const added = changes.recipients.filter((one) => !isAmong(envelope.recipients, one));
  return [...recipients.filter((one) => !isAmong(gone, one)), ...added];
}

/** The client's name in DNS when its address stands there too; else its address in brackets. */
async function nameOf(
  { protocol, remoteAddress }: Connection,
  resolver: Resolver | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (protocol === 'code') return 'localhost';
  try {
    const names = (await resolver?.names(remoteAddress, signal)) ?? [];
    for (const name of names.slice(0, 3)) {
      if ((await resolver?.addresses(name, signal))?.includes(remoteAddress) === true) return name;
    }
  } catch {
    // A failure is no name, as for a client without one.
  }
  return `[${remoteAddress}]`;
}
