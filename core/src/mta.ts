/** The server: start, reload, stop, explain, submit. It owns the current generation and those still draining. */
import { isMailError, MailError, messageOf } from './errors.js';
import type { MtaOptions } from './mta-options.js';
import { type Explanation, explainGeneration } from './server/explain.js';
import { buildGeneration } from './server/generation.js';
import { createHouse, type House, type MtaServices } from './server/house.js';
import { disposeGeneration, type RunningGeneration, startGeneration } from './server/run-generation.js';
import { type SubmitContent, type SubmitEnvelope, submit } from './server/submit.js';
import type { OpenListener } from './services/listeners.js';
import type { MetricSample } from './services/metrics.js';
import type { Queue } from './services/queue.js';

/** A mail server. */
export interface Mta {
  /** Starts everything or nothing: on failure what had been started is undone, and the error says what is wrong. */
  start(): Promise<void>;
  /**
   * Builds and starts a new generation beside the running one and swaps. New connections go to it; open ones finish on
   * the old one. A failure keeps the old one and rejects.
   */
  reload(options: MtaOptions): Promise<void>;
  /** Stops: no new connections, 421 to open ones at their next command, deliveries end, everything is closed. */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  /** Who taps what in which order, and who provides what; also before the start. */
  explain(): Explanation;
  /** Hands a message in; resolves with its id once it is durable. Rejects with `E_REFUSED` and a reply. */
  submit(envelope: SubmitEnvelope, content: SubmitContent): Promise<{ readonly id: string }>;
  /** The open ports. */
  readonly listeners: readonly OpenListener[];
  /** The running queue. */
  readonly queue: Queue;
  /** All metrics as they stand. */
  metrics(): readonly MetricSample[];
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped';
}

/** How long connections of an old generation may go on after a reload before they are asked to end. */
const reloadGraceMs = 3_600_000;
const drainMsDefault = 30_000;

/** Composes a server; nothing is opened before `start`. `services` replaces the clock and its like in tests. */
export function createMta(options: MtaOptions, services: MtaServices = {}): Mta {
  const house = createHouse(services);
  let state: Mta['state'] = 'new';
  let number = 1;
  let current: RunningGeneration | undefined;
  const draining = new Set<Promise<void>>();
  const running = (): RunningGeneration => {
    if (current === undefined || state !== 'running')
      throw new MailError('E_STATE', `the server is ${state}, not running`);
    return current;
  };
  return {
    get state() {
      return state;
    },
    get listeners() {
      return current?.generation.defaults.listeners.open() ?? [];
    },
    get queue() {
      if (house.scheduler === undefined) throw new MailError('E_STATE', 'the queue is not running');
      return house.scheduler.queue;
    },
    metrics: () => house.metrics.samples(),
    async start() {
      if (state !== 'new') throw new MailError('E_STATE', `a server that is ${state} can't be started`);
      state = 'starting';
      try {
        current = await bringUp(house, options, number);
        state = 'running';
      } catch (error) {
        state = 'stopped';
        throw startError(error);
      }
    },
    async reload(next) {
      const old = running();
      const fresh = await bringUp(house, next, number + 1);
      number++;
      current = fresh;
      fresh.generation.log.info('reloaded', { generation: number });
      const left = leave(house, old, next.drainMs ?? drainMsDefault).finally(() => draining.delete(left));
      draining.add(left);
    },
    async stop({ drainMs } = {}) {
      if (current === undefined || state !== 'running') {
        state = 'stopped';
        return;
      }
      state = 'stopping';
      await shutDown(
        house,
        current,
        draining,
        drainMs ?? current.generation.options.drainMs ?? drainMsDefault,
      );
      current = undefined;
      state = 'stopped';
    },
    explain() {
      if (current !== undefined) return explainGeneration(current.generation);
      const built = buildGeneration(house, options, number);
      return explainGeneration(built);
    },
    submit: (envelope, content) => submit(house, running().submitPolicy, envelope, content),
  };
}

async function bringUp(house: House, options: MtaOptions, number: number): Promise<RunningGeneration> {
  const generation = buildGeneration(house, options, number);
  const started = await startGeneration(house, generation);
  try {
    await started.takeOver();
  } catch (error) {
    await disposeGeneration(house, generation);
    throw error;
  }
  generation.log.info('started', {
    hostname: options.hostname,
    generation: number,
    listeners: generation.defaults.listeners.open().map((open) => `${open.name} ${open.host}:${open.port}`),
  });
  return started;
}

/** Lets an old generation end: no new work, then its connections, then its plugins. */
async function leave(house: House, old: RunningGeneration, drainMs: number): Promise<void> {
  const { listeners } = old.generation.defaults;
  await old.drain(drainMs);
  const timer = house.clock.after(reloadGraceMs, () => listeners.askToEnd());
  await listeners.whenIdle();
  timer.cancel();
  await old.dispose();
}

async function shutDown(
  house: House,
  current: RunningGeneration,
  draining: ReadonlySet<Promise<void>>,
  drainMs: number,
): Promise<void> {
  await house.ports.closeAll();
  const deadline = new AbortController();
  const timer = house.clock.after(drainMs, () => deadline.abort());
  house.ports.askAllToEnd();
  const idle = Promise.all([
    current.drain(drainMs),
    current.generation.defaults.listeners.whenIdle(),
    ...draining,
  ]);
  await Promise.race([idle, new Promise((resolve) => deadline.signal.addEventListener('abort', resolve))]);
  timer.cancel();
  // Deliveries have ended by their own deadline; connections end now.
  house.ports.destroyAll();
  await idle;
  await current.dispose();
  house.scheduler = undefined;
}

function startError(error: unknown): MailError {
  if (isMailError(error)) return error;
  return new MailError('E_START', `the server could not start: ${messageOf(error)}`, { cause: error });
}
