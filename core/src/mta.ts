/** The server: start, reload, stop, explain, submit. It owns the current generation and those still draining. */
import { controlHandlers } from './control/handlers.js';
import type { ControlHandler } from './control/protocol.js';
import type { Given } from './control/read-arguments.js';
import { type ControlServer, createControlServer } from './control/server.js';
import { isMailError, MailError, messageOf } from './errors.js';
import type { MtaOptions } from './mta-options.js';
import { currentQueue } from './server/default-services.js';
import { type Explanation, explainGeneration } from './server/explain.js';
import { buildGeneration, pluginControl } from './server/generation.js';
import { createHouse, type House, type MtaServices } from './server/house.js';
import { obeyControl } from './server/obey-control.js';
import { disposeGeneration, type RunningGeneration, startGeneration } from './server/run-generation.js';
import { submit } from './server/submit.js';
import { type TrialReport, type TrialRequest, tryMessage } from './server/try-message.js';
import type { WorkerLink } from './server/worker-link.js';
import type { OpenListener } from './services/listeners.js';
import type { Logger } from './services/logger.js';
import type { MetricSample } from './services/metrics.js';
import type { Queue } from './services/queue.js';
import { QueueStore } from './services/queue-store.js';
import type { SubmitContent, SubmitEnvelope } from './services/submission.js';

/** A mail server. */
export interface Mta {
  /** Starts everything or nothing: on failure what had been started is undone, and the error says what is wrong. */
  start(): Promise<void>;
  /**
   * Builds and starts a new generation beside the running one and swaps. New connections go to it; open ones finish on
   * the old one. A failure keeps the old one and rejects. Without options they are loaded anew from where
   * `services.configuration` says. Reloads happen one after another.
   */
  reload(options?: MtaOptions): Promise<void>;
  /**
   * Stops: no new connections, 421 to open ones at their next command, deliveries end, everything is closed. Calling it
   * again gives the same promise.
   */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  /** Resolves when the server has stopped, whoever asked for it. */
  whenStopped(): Promise<void>;
  /** Who taps what in which order, and who provides what; also before the start. */
  explain(): Explanation;
  /** Hands a message in; resolves with its id once it is durable. Rejects with `E_REFUSED` and a reply. */
  submit(envelope: SubmitEnvelope, content: SubmitContent): Promise<{ readonly id: string }>;
  /** What would happen to a message that came over a listener: nothing is taken, counted or told. */
  try(request: TrialRequest): Promise<TrialReport>;
  /** The open ports. */
  readonly listeners: readonly OpenListener[];
  /** Whether other processes see the same queue. */
  readonly isQueueShared: boolean;
  /** The running queue. */
  readonly queue: Queue;
  /** All metrics as they stand. */
  metrics(): readonly MetricSample[];
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped';
}

/** How long connections of an old generation may go on after a reload before they are asked to end. */
const reloadGraceMs = 3_600_000;
const drainMsDefault = 30_000;
/** How often a worker tells the others what it has counted. */
const metricsEveryMs = 1_000;

/** Composes a server; nothing is opened before `start`. `services` replaces the clock and its like in tests. */
export function createMta(options: MtaOptions, services: MtaServices = {}): Mta {
  const server = new Server(options, services);
  return {
    get state() {
      return server.state;
    },
    get listeners() {
      return server.current?.generation.defaults.listeners.open() ?? [];
    },
    get queue() {
      return server.queue;
    },
    get isQueueShared() {
      const container = server.current?.generation.scope.container;
      return container?.has(QueueStore) === true && container.get(QueueStore).isShared === true;
    },
    metrics: () => server.house.metrics.samples(),
    start: () => server.start(),
    reload: (next) => server.reload(next),
    stop: (how) => server.stop(how),
    whenStopped: () => server.stopped,
    explain: () => server.explain(),
    try: (request) => tryMessage(server.house, server.running().generation, request),
    submit: (envelope, content) => submit(server.house, server.running().submitPolicy, envelope, content),
  };
}

class Server {
  readonly house: House;
  state: Mta['state'] = 'new';
  current: RunningGeneration | undefined;
  readonly stopped: Promise<void>;
  readonly #options: MtaOptions;
  readonly #services: MtaServices;
  readonly #draining = new Set<Promise<void>>();
  #number = 1;
  #control: ControlServer | undefined;
  /** The start or reload under way, or the last one; never rejects. */
  #changing: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #tellStopped: () => void = () => {};

  constructor(options: MtaOptions, services: MtaServices) {
    this.#options = options;
    this.#services = services;
    this.house = createHouse(services);
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
  }

  get queue(): Queue {
    if (this.house.scheduler === undefined) throw new MailError('E_STATE', 'the queue is not running');
    return this.house.scheduler.queue;
  }

  running(): RunningGeneration {
    if (this.current !== undefined && this.state === 'running') return this.current;
    throw new MailError('E_STATE', `the server is ${this.state}, not running`);
  }

  start(): Promise<void> {
    const done = this.#start();
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #start(): Promise<void> {
    if (this.state !== 'new')
      throw new MailError('E_STATE', `a server that is ${this.state} can't be started`);
    this.state = 'starting';
    try {
      const { worker } = this.#services;
      if (worker !== undefined) this.#obey(worker);
      // First of all, because it tells whether another server lives in the same place.
      this.#control = await this.#openControl();
      this.current = await bringUp(this.house, this.#options, this.#number);
      this.state = 'running';
    } catch (error) {
      await this.#control?.close();
      this.state = 'stopped';
      this.#tellStopped();
      throw startError(error);
    }
  }

  async #openControl(): Promise<ControlServer | undefined> {
    // Of several processes the first one has the socket.
    if (this.#options.control === undefined || this.#services.worker !== undefined) return undefined;
    const handlers = this.#handlers();
    return createControlServer({ socket: this.#options.control.socket, handlers, log: this.#log() });
  }

  /** What commands reach, here or through the first of several processes. */
  #handlers(): Readonly<Record<string, ControlHandler>> {
    return controlHandlers({
      queue: currentQueue(this.house),
      reload: () => this.reload(undefined),
      stop: (how) =>
        void this.stop(how).catch((error: unknown) => this.#log().error('stop failed', { error })),
      explain: () => this.explain(),
      pluginControl: (plugin, command) => pluginControl(this.running().generation, plugin, command),
      try: (request) => tryMessage(this.house, this.running().generation, request),
    });
  }

  /** Lets the first process command this worker. */
  #obey(link: WorkerLink): void {
    link.answer({
      control: (command: string, given: Given, call: number) =>
        obeyControl(link, this.#handlers(), { command, given, call }),
      stop: (how: { readonly drainMs?: number }) =>
        void this.stop(how).catch((error: unknown) => this.#log().error('stop failed', { error })),
    });
    const tell = (): void => {
      link.calls.tell('metrics', this.house.ownMetrics.samples());
      if (this.state !== 'stopped') this.house.clock.after(metricsEveryMs, tell);
    };
    tell();
  }

  #log(): Logger {
    return this.current?.generation.log ?? this.house.log(this.#options.log?.level);
  }

  reload(next: MtaOptions | undefined): Promise<void> {
    const done = this.#changing.then(() => this.#reload(next));
    this.#changing = done.catch(() => undefined);
    return done;
  }

  async #reload(next: MtaOptions | undefined): Promise<void> {
    const old = this.running();
    const options = next ?? (await this.#services.configuration?.());
    if (options === undefined) {
      throw new MailError(
        'E_STATE',
        'this server was composed in code without a configuration to load again',
      );
    }
    const fresh = await bringUp(this.house, options, this.#number + 1);
    this.#number++;
    this.current = fresh;
    fresh.generation.log.info('reloaded', { generation: this.#number });
    const left = leave(this.house, old, options.drainMs ?? drainMsDefault).finally(() =>
      this.#draining.delete(left),
    );
    this.#draining.add(left);
  }

  stop(how: { readonly drainMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(how.drainMs);
    return this.#stopping;
  }

  async #stop(drainMs: number | undefined): Promise<void> {
    // A start or reload that is under way would leave open what it opens after us.
    await this.#changing;
    const { current } = this;
    try {
      if (current !== undefined && this.state === 'running') {
        this.state = 'stopping';
        const limitMs = drainMs ?? current.generation.options.drainMs ?? drainMsDefault;
        await shutDown(this.house, current, this.#draining, limitMs);
      }
    } finally {
      await this.#control?.close();
      this.current = undefined;
      this.state = 'stopped';
      this.#tellStopped();
    }
  }

  explain(): Explanation {
    return explainGeneration(
      this.current?.generation ?? buildGeneration(this.house, this.#options, this.#number),
    );
  }
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
  house.submitPolicy = undefined;
}

function startError(error: unknown): MailError {
  if (isMailError(error)) return error;
  return new MailError('E_START', `the server could not start: ${messageOf(error)}`, { cause: error });
}
