/**
 * A connection to Redis or Valkey that says at once when it is not there: commands are not kept for later, and each has
 * little time. It is opened again by itself.
 */
import type { Logger } from '@postroad/core';
import { Redis as Client } from 'ioredis';
import { z } from 'zod';

/** The options of a plugin on Redis; spread them into its own schema. */
export const redisConfig = {
  url: z
    .string()
    .min(1)
    .describe(
      'Where Redis is, such as `redis://host:6379/0`, `rediss://` with TLS, or the path of a socket.',
    ),
  password: z.string().optional().describe('The password, when it does not stand in `url`.'),
  commandTimeoutMs: z
    .int()
    .min(1)
    .default(500)
    .describe('How long a command may take before Redis counts as away.'),
};

const schema = z.object(redisConfig);

/** What `openRedis` needs to know. */
export type RedisOptions = z.output<typeof schema> & {
  /** Shown by CLIENT LIST. */
  readonly name: string;
};

/** An open connection. */
export interface Redis {
  /** Whether commands can be given. */
  readonly isReady: boolean;
  /** Runs a command; rejects when Redis is away or too slow. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** Runs a script in Lua, which Redis remembers by its digest. */
  script(text: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /**
   * Hears a channel; such a connection can do nothing else. `again` is told when it hears and may have missed something:
   * it was away, or Redis refused to let it hear, or did not answer in time.
   */
  subscribe(channel: string, heard: { message(text: string): void; again(): void }): void;
  /** Calls when the connection comes or goes; returns how to stop. */
  onChange(listener: (isReady: boolean) => void): () => void;
  /** Resolves when it is ready the first time, or when the time is over. */
  whenReady(timeoutMs: number): Promise<boolean>;
  close(): void;
}

const retryDelayMsMax = 2_000;
const socketTimeoutMsMin = 1_000;

/** Opens a connection; never throws: a Redis that is away is tried again. */
export function openRedis(options: RedisOptions, log: Logger): Redis {
  const client = new Client(options.url, {
    ...(options.password === undefined ? {} : { password: options.password }),
    connectionName: options.name,
    connectTimeout: Math.max(1_000, options.commandTimeoutMs),
    commandTimeout: options.commandTimeoutMs,
    // Where packets get lost nothing ends the connection: whoever is silent while commands wait is left, so that these
    // neither pile up nor wait each by itself, and so that Redis is back as soon as it can be reached again.
    socketTimeout: Math.max(socketTimeoutMsMin, 2 * options.commandTimeoutMs),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // It would leave a refusal to nobody, which ends a process; `subscribe` does it itself.
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: true,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), retryDelayMsMax),
  });
  const listeners = new Set<(isReady: boolean) => void>();
  let isReady = false;
  const become = (ready: boolean): void => {
    if (isReady === ready) return;
    isReady = ready;
    for (const listener of listeners) listener(ready);
  };
  client.on('ready', () => become(true));
  client.on('close', () => become(false));
  // Every failed attempt is an event; that it is away is told once by those who use it.
  client.on('error', (error) => log.debug('Redis connection failed', { error }));
  return {
    get isReady() {
      return isReady;
    },
    command: (name, ...args) => client.call(name, ...args.map(String)),
    script: (text, keys, args) => client.eval(text, keys.length, ...keys, ...args.map(String)),
    subscribe(channel, heard) {
      let mayHaveMissed = false;
      let isTold = false;
      client.on('message', (from: string, text: string) => {
        if (from === channel) heard.message(text);
      });
      const failed = (error: unknown): void => {
        if (!isTold) log.warn('Redis subscription failed, trying again', { channel, error });
        isTold = true;
        // A connection that stayed would never hear again; who closed it is not to open it anew.
        if (client.status === 'ready') client.disconnect(true);
      };
      const begin = (): void => {
        client.subscribe(channel).then(() => {
          isTold = false;
          if (mayHaveMissed) heard.again();
          mayHaveMissed = false;
        }, failed);
      };
      client.on('close', () => {
        mayHaveMissed = true;
      });
      client.on('ready', begin);
      if (isReady) begin();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    whenReady: (timeoutMs) =>
      new Promise((resolve) => {
        if (isReady) {
          resolve(true);
          return;
        }
        const stop = (answer: boolean) => (): void => {
          for (const one of off) one();
          resolve(answer);
        };
        const timer = AbortSignal.timeout(timeoutMs);
        const onTimeout = stop(false);
        timer.addEventListener('abort', onTimeout);
        const onReady = stop(true);
        client.once('ready', onReady);
        const off = [
          () => timer.removeEventListener('abort', onTimeout),
          () => void client.off('ready', onReady),
        ];
      }),
    close: () => client.disconnect(),
  };
}
