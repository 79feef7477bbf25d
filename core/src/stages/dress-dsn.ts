/**
 * A notification of ours on its way into the queue: the `content` and `header` hooks see it as they see a message from
 * code, so that it is signed like everything else that we send.
 */
import { ConnectionState } from '../context/connection.js';
import { MessageState } from '../context/message.js';
import { TransactionState } from '../context/transaction.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { Logger } from '../services/logger.js';
import type { NewQueuedMessage } from '../services/queue-store.js';
import type { Random } from '../services/random.js';
import type { Finding } from '../values/finding.js';
import { renderHeaderPrefix } from '../values/header.js';

/** What is asked, and how. */
export interface DressOptions {
  readonly hooks: Pick<CompiledHooks, 'content' | 'header'>;
  readonly random: Pick<Random, 'id'>;
  readonly log: Logger;
}

const noFindings: readonly Finding[] = Object.freeze([]);

/**
 * The notification as the hooks leave it; owns its body. A hook that fails must not cost the sender the notification: it
 * then goes out as it was.
 */
export async function dressDsn(options: DressOptions, dsn: NewQueuedMessage): Promise<NewQueuedMessage> {
  const { hooks } = options;
  if (hooks.content === null && hooks.header === null) return dsn;
  const message = messageOf(options, dsn);
  try {
    const content = (await hooks.content?.(message, noFindings, message.body)) ?? message.body;
    if ('verdict' in content) return dsn;
    message.body = content;
    const prefix = (await hooks.header?.(message, noFindings, [])) ?? [];
    if ('verdict' in prefix) return dsn;
    // What the hooks handed over goes with it; of what they left behind nobody has need.
    if (message.body !== dsn.body) {
      message.body.retain();
      await message.release();
    }
    return { ...dsn, body: message.body, headerPrefix: renderHeaderPrefix(prefix) };
  } catch (error) {
    options.log.error('a notification could not be dressed', { message: dsn.id, error });
    return dsn;
  }
}

function messageOf({ random }: DressOptions, dsn: NewQueuedMessage): MessageState {
  const connection = new ConnectionState({
    id: random.id(),
    protocol: 'code',
    role: 'internal',
    listener: dsn.origin.listener,
    remoteAddress: '127.0.0.1',
    remotePort: 0,
    localAddress: '127.0.0.1',
    localPort: 0,
    openedAtMs: dsn.receivedAtMs,
  });
  const transaction = new TransactionState(dsn.id, connection, null, dsn.parameters);
  transaction.recipients.push(
    ...dsn.recipients.map(({ address, notify }) => ({ address, ...(notify && { notify }) })),
  );
  const envelope = transaction.envelope();
  return new MessageState({
    id: dsn.id,
    transaction,
    envelope,
    body: dsn.body,
    receivedAtMs: dsn.receivedAtMs,
  });
}
