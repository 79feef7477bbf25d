/** Notices between nodes: LISTEN on a connection of its own, which is opened again when it is lost. */
import type { Client } from 'pg';
import type { Postgres, PostgresServices } from './pool.js';

/** Who hears. */
export interface NoticeListener {
  /** A notice came. */
  notice(payload: string): void;
  /** The connection was away: notices may have been missed. */
  gap(): void;
}

/** See the file's comment. */
export interface Listening {
  /** Resolves when the first connection listens. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

const retryDelayMsMin = 100;
const retryDelayMsMax = 5_000;
/** How often the connection is asked whether it still lives: where packets get lost nothing else would tell. */
const beatMs = 10_000;
/** How long it may take to answer. */
const answerMs = 10_000;

/** Listens until it is stopped. Never rejects: a server that is away is tried again. */
export function listen(
  database: Postgres,
  channel: string,
  listener: NoticeListener,
  { clock, log }: PostgresServices,
): Listening {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isFirst = true;
  let ready: () => void = () => undefined;
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });

  async function session(): Promise<void> {
    const client = await database.connect();
    const ended = new Promise<void>((resolve) => {
      client.once('end', () => resolve());
      client.once('error', () => resolve());
      signal.addEventListener('abort', () => resolve(), { once: true });
      // It may have been stopped while it connected.
      if (signal.aborted) resolve();
    });
    const over = new AbortController();
    client.on('notification', ({ payload }) => listener.notice(payload ?? ''));
    try {
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      if (!isFirst) listener.gap();
      isFirst = false;
      ready();
      await Promise.race([ended, silence(client, over.signal)]);
    } finally {
      over.abort();
      await endQuietly(client);
    }
  }

  /** Rejects when the connection does not answer any more; never resolves. */
  function silence(client: Client, over: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const ask = (): void => {
        timer = clock.after(answerMs, () => reject(new Error('the connection is silent')));
        client.query('SELECT 1').then(() => {
          timer.cancel();
          if (!over.aborted) timer = clock.after(beatMs, ask);
        }, reject);
      };
      let timer = clock.after(beatMs, ask);
      over.addEventListener('abort', () => timer.cancel(), { once: true });
    });
  }

  async function work(): Promise<void> {
    let delayMs = retryDelayMsMin;
    while (!signal.aborted) {
      const sinceMs = clock.monotonic();
      try {
        await session();
      } catch (error) {
        log.warn('PostgreSQL does not tell of changes for now', { channel, error });
      }
      if (clock.monotonic() - sinceMs > retryDelayMsMax) delayMs = retryDelayMsMin;
      // The sleep ends early at a stop; the loop's condition sees it.
      await clock.sleep(delayMs, signal).catch(() => undefined);
      delayMs = Math.min(2 * delayMs, retryDelayMsMax);
    }
  }

  const working = work();
  return {
    ready: isReady,
    async stop() {
      stopping.abort();
      await working;
    },
  };
}

async function endQuietly(client: Client): Promise<void> {
  // It may have ended by itself: then there is nothing left to say goodbye to.
  await client.end().catch(() => undefined);
}
