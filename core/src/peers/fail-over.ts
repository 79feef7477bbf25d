/** Asking one of several servers that do the same: the next when one fails, and a pause for those that did. */
import { MailError } from '../errors.js';
import type { Clock } from '../services/clock.js';

/** What is asked. */
export interface FailOverOptions<Server> {
  readonly servers: readonly Server[];
  readonly clock: Clock;
  /** How long one server may take. */
  readonly timeoutMs: number;
  /** How long a server that failed is asked only after the others. */
  readonly pauseMs: number;
  /** `first`: the first that works; `turn`: each in turn, which spreads the load. */
  readonly order: 'first' | 'turn';
  /** Told of each failure that another server may make good. */
  onFailure(server: Server, error: unknown): void;
}

/** Several servers as one. */
export interface FailOver<Server> {
  /**
   * Asks until one server answers. The signal that `ask` gets aborts when that server's time is over, or when `signal`
   * does. Rejects with the last failure when none has answered. May be called concurrently.
   */
  run<Answer>(
    ask: (server: Server, signal: AbortSignal) => Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer>;
}

/** Makes it; it holds nothing that must be closed. */
export function createFailOver<Server>(options: FailOverOptions<Server>): FailOver<Server> {
  const { servers, clock } = options;
  const pausedUntilMs = servers.map(() => Number.NEGATIVE_INFINITY);
  let turn = 0;

  const inOrder = (): readonly number[] => {
    const first = options.order === 'turn' ? turn++ % servers.length : 0;
    const now = clock.monotonic();
    const all = servers.map((_server, at) => (first + at) % servers.length);
    const isPaused = (at: number) => (pausedUntilMs[at] as number) > now;
    return [...all.filter((at) => !isPaused(at)), ...all.filter(isPaused)];
  };

  return {
    async run(ask, signal) {
      let failure: unknown = new MailError('E_PEER', 'there is no server to ask');
      for (const at of inOrder()) {
        signal.throwIfAborted();
        const server = servers[at] as Server;
        try {
          const answer = await withDeadline(clock, options.timeoutMs, signal, (until) => ask(server, until));
          pausedUntilMs[at] = Number.NEGATIVE_INFINITY;
          return answer;
        } catch (error) {
          failure = error;
          // Whoever is not waiting any more says nothing about the server.
          if (signal.aborted) break;
          pausedUntilMs[at] = clock.monotonic() + options.pauseMs;
          options.onFailure(server, error);
        }
      }
      throw failure;
    },
  };
}

/**
 * Runs work under a deadline: its signal aborts after `timeoutMs` or with the outer one. Rejects with `E_PEER` then, also
 * when the work does not heed its signal.
 */
export async function withDeadline<Answer>(
  clock: Clock,
  timeoutMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const controller = new AbortController();
  const abort = () => controller.abort(outer.reason);
  if (outer.aborted) abort();
  outer.addEventListener('abort', abort, { once: true });
  const timer = clock.after(timeoutMs, () =>
    controller.abort(new MailError('E_PEER', `no answer within ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([work(controller.signal), rejectedOn(controller.signal)]);
  } finally {
    timer.cancel();
    outer.removeEventListener('abort', abort);
  }
}

function rejectedOn(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
