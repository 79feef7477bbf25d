/** Runs the server until a signal or `postroad stop`. */
import { availableParallelism } from 'node:os';
import { MailError, messageOf } from '../errors.js';
import { createMta, type Mta } from '../mta.js';
import type { MtaOptions } from '../mta-options.js';
import type { WorkerLink } from '../server/worker-link.js';
import type { Logger } from '../services/logger.js';
import { createLogger } from '../services/pino-logger.js';
import type { TicketState } from '../services/session-tickets.js';
import type { CliContext } from './command.js';
import { watchFiles } from './watch-files.js';
import { workerVariable } from './workers/worker-pool.js';

/** What `postroad start` does; resolves when the server has stopped. */
export async function startServer(context: CliContext): Promise<void> {
  const loaded = await context.loadConfig();
  const link = await linkToFirst();
  const count = workersOf(loaded.options);
  if (link === undefined && count > 1) {
    const { runWorkers } = await import('./workers/run-workers.js');
    await runWorkers(context, loaded, count);
    return;
  }
  const configuration = async () => (await context.loadConfig()).options;
  const mta = createMta(loaded.options, { configuration, ...(link === undefined ? {} : { worker: link }) });
  const log = createLogger(loaded.options.log?.level);
  const signals = link === undefined ? listenToSignals(mta, log) : listenToFirst(mta, log);
  const stayAlive = new MessageChannel();
  // A server without any listener has nothing else that keeps the process.
  stayAlive.port1.ref();
  try {
    await mta.start();
    if (link === undefined) tellStarted(context, mta, loaded.file);
    else tellReady(link, mta);
    const watching =
      link === undefined && context.args.watch === true
        ? watchFiles(loaded, () => reload(mta, log), log)
        : undefined;
    await mta.whenStopped();
    watching?.close();
    if (signals.failure !== undefined) throw signals.failure;
  } catch (error) {
    link?.calls.tell('failed', messageOf(error));
    throw error;
  } finally {
    signals.off();
    stayAlive.port1.close();
    if (link !== undefined) process.disconnect();
  }
}

/** How many processes the options ask for. */
function workersOf({ workers = 1 }: MtaOptions): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** The link to the first process, when this is a worker of it. */
async function linkToFirst(): Promise<WorkerLink | undefined> {
  const asked = process.env[workerVariable];
  if (asked === undefined || process.send === undefined) return undefined;
  const [index = 0, count = 1] = asked.split('/').map(Number);
  const { createWorkerLink } = await import('../server/worker-link.js');
  const wire = {
    send: (message: unknown) => {
      if (process.connected) process.send?.(message);
    },
    onMessage: (listener: (message: unknown) => void) => void process.on('message', listener),
  };
  const link = createWorkerLink(wire, { index, count });
  return { ...link, ticketState: (await link.calls.call('tickets')) as TicketState };
}

function tellReady(link: WorkerLink, mta: Mta): void {
  const listeners = mta.listeners.map(({ name, host, port }) => ({ listener: name, host, port }));
  link.calls.tell('ready', { listeners, isQueueShared: mta.isQueueShared });
}

/** A worker hears of stops and reloads from the first process, and ends when that is gone. */
function listenToFirst(mta: Mta, log: Logger): { failure: unknown; off(): void } {
  const ignore = (): void => undefined;
  const stop = (why: string) => (): void => {
    log.info('stopping', { why });
    mta.stop().catch((error: unknown) => log.error('the worker did not stop well', { error }));
  };
  const onGone = stop('the first process is gone');
  const onTerm = stop('SIGTERM');
  // A terminal's ^C reaches all processes; the first one says what to do.
  process.on('SIGINT', ignore).on('SIGHUP', ignore).on('SIGTERM', onTerm).on('disconnect', onGone);
  return {
    failure: undefined,
    off: () =>
      void process
        .off('SIGINT', ignore)
        .off('SIGHUP', ignore)
        .off('SIGTERM', onTerm)
        .off('disconnect', onGone),
  };
}

function tellStarted(context: CliContext, mta: Mta, file: string): void {
  const { terminal } = context;
  const listeners = mta.listeners.map(({ name, host, port }) => ({ listener: name, host, port }));
  if (terminal.isJson) {
    terminal.whole({ started: true, file, pid: process.pid, listeners }, []);
    return;
  }
  terminal.print(`Running with ${file} as process ${process.pid}.`);
  terminal.result(listeners);
}

/** A reload that fails keeps what runs, and the log says why. */
async function reload(mta: Mta, log: Logger): Promise<void> {
  try {
    await mta.reload();
  } catch (error) {
    log.error('reload failed, going on as before', { reason: messageOf(error), error });
  }
}

function listenToSignals(mta: Mta, log: Logger): { failure: unknown; off(): void } {
  const state: { failure: unknown; off(): void } = { failure: undefined, off };
  let signalsSeen = 0;
  const onStop = (signal: NodeJS.Signals) => {
    signalsSeen += 1;
    if (signalsSeen > 1) {
      log.warn('stopping already, within the drain time of the configuration', { signal });
      return;
    }
    log.info('stopping', { signal });
    mta.stop().catch((error: unknown) => {
      state.failure = new MailError('E_STATE', `the server did not stop well: ${messageOf(error)}`, {
        cause: error,
      });
    });
  };
  const onReload = () => void reload(mta, log);
  process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGHUP', onReload);
  function off(): void {
    process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGHUP', onReload);
  }
  return state;
}
