/** The plugin `changes-redis`. */
import {
  type ChangeNotice,
  Changes,
  type ChangesListener,
  Clock,
  definePlugin,
  Random,
  type Timer,
} from '@postroad/core';
import { openRedis, type Redis, redisConfig } from '@postroad/redis';
import { z } from 'zod';

const config = z.strictObject({
  ...redisConfig,
  channel: z.string().min(1).default('postroad:changes').describe('The channel that the nodes share.'),
});

/** How often the connection that hears is asked whether it still lives: where packets get lost nothing else would tell. */
const beatMs = 10_000;

/** Tells other nodes of changed mailboxes; a connection that was away is told as a gap. */
export const changesRedis = definePlugin({
  name: 'changes-redis',
  description: 'Tells other nodes of changed mailboxes by Redis or Valkey.',
  config,
  needs: { clock: Clock, random: Random },
  provides: [Changes],
  setup({ config: options, services: { clock, random }, provide, onStart, defer, log, metrics }) {
    const node = random.id();
    const listeners = new Set<ChangesListener>();
    const lost = metrics.counter('changes_redis_lost', 'Notices of changes that could not be sent');
    let sender: Redis | undefined;
    let hearer: Redis | undefined;
    let isAway = false;
    let beating: Timer | undefined;
    const beat = (): void => {
      beating = clock.after(beatMs, beat);
      if (hearer?.isReady !== true) return;
      hearer.command('PING').catch((error: unknown) => log.debug('Redis does not answer', { error }));
    };
    const failed = (error: unknown): void => {
      lost.increase();
      // Others look at their mailboxes when they hear again; what is late is only the notice.
      if (!isAway) log.warn('Redis is away, other nodes are not told of changes', { error });
      isAway = true;
    };
    onStart(() => {
      beating = clock.after(beatMs, beat);
      sender = openRedis({ ...options, name: 'changes-redis' }, log);
      hearer = openRedis({ ...options, name: 'changes-redis hears' }, log);
      hearer.subscribe(options.channel, {
        message(text) {
          const [from, notice] = readMessage(text);
          if (from === node || notice === undefined) return;
          for (const listener of listeners) listener.notice(notice);
        },
        again() {
          for (const listener of listeners) listener.gap();
        },
      });
    });
    defer(() => {
      beating?.cancel();
      sender?.close();
      hearer?.close();
    });
    provide(Changes, {
      publish(notice) {
        if (sender === undefined) return;
        sender.command('PUBLISH', options.channel, JSON.stringify([node, notice])).then(() => {
          isAway = false;
        }, failed);
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
  },
});

/** What is no notice of ours is passed over: the channel is open to whoever reaches Redis. */
function readMessage(text: string): readonly [from: string | undefined, notice: ChangeNotice | undefined] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [undefined, undefined];
  }
  if (!Array.isArray(value)) return [undefined, undefined];
  const [from, notice] = value as [unknown, { accountId?: unknown } | null];
  if (typeof from !== 'string' || typeof notice?.accountId !== 'string') return [undefined, undefined];
  return [from, notice as ChangeNotice];
}
