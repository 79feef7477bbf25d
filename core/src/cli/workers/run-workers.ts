/**
 * The first of several processes: it serves no mail itself. It starts the workers, replaces those that die, keeps what they
 * share, and is the one place for signals and commands. Listeners are opened by it and shared (node:cluster).
 */
import cluster from 'node:cluster';
import type { LoadedConfig } from '../../config/load-config.js';
import { type ControlServer, createControlServer } from '../../control/server.js';
import { MailError, messageOf } from '../../errors.js';
import { createMemoryCounters } from '../../memory/counters-memory.js';
import type { Logger } from '../../services/logger.js';
import { createLogger } from '../../services/pino-logger.js';
import { createSessionTickets } from '../../services/session-tickets.js';
import { systemClock } from '../../services/system-clock.js';
import { createSystemRandom } from '../../services/system-random.js';
import type { CliContext } from '../command.js';
import { watchFiles } from '../watch-files.js';
import { createWorkerControl } from './worker-control.js';
import { createWorkerPool, type WorkerPool } from './worker-pool.js';

/** How long workers may take to end beyond the time for their connections and deliveries. */
const killAfterMs = 15_000;
const drainMsDefault = 30_000;

/** Runs the server with so many workers; resolves when all have ended. */
export async function runWorkers(context: CliContext, loaded: LoadedConfig, count: number): Promise<void> {
  const { options, file } = loaded;
  const log = createLogger(options.log?.level);
  cluster.setupPrimary({ exec: process.argv[1] as string, args: process.argv.slice(2) });
  const pool = createWorkerPool({
    count,
    clock: systemClock,
    log,
    tickets: createSessionTickets(systemClock, createSystemRandom(systemClock)),
    counters: createMemoryCounters({ clock: systemClock }),
    fork: (environment) => cluster.fork(environment),
  });
  const control = createWorkerControl(pool);
  const stop = (drainMs = options.drainMs ?? drainMsDefault): void => pool.stop(drainMs, killAfterMs);
  const reload = async (): Promise<void> => {
    try {
      await control.reload();
    } catch (error) {
      log.error('reload failed, going on as before', { reason: messageOf(error), error });
    }
  };
  const signals = listenToSignals(stop, () => void reload(), log);
  let server: ControlServer | undefined;
  try {
    if (options.control !== undefined) {
      const handlers = control.handlers(({ drainMs }) => stop(drainMs));
      server = await createControlServer({ socket: options.control.socket, handlers, log });
    }
    await pool.start();
    tellStarted(context, pool, file, count);
    const watching = context.args.watch === true ? watchFiles(loaded, () => reload(), log) : undefined;
    await pool.ended;
    watching?.close();
  } catch (error) {
    stop(0);
    await pool.ended;
    throw error instanceof Error ? error : new MailError('E_START', messageOf(error));
  } finally {
    await server?.close();
    signals.off();
  }
}

function tellStarted(context: CliContext, pool: WorkerPool, file: string, count: number): void {
  const { terminal } = context;
  const { listeners } = pool;
  if (terminal.isJson) {
    terminal.whole({ started: true, file, pid: process.pid, workers: count, listeners }, []);
    return;
  }
  terminal.print(`Running with ${file} as process ${process.pid} with ${count} workers.`);
  terminal.result(listeners);
}

function listenToSignals(stop: () => void, reload: () => void, log: Logger): { off(): void } {
  let isStopping = false;
  const onStop = (signal: NodeJS.Signals): void => {
    if (isStopping) log.warn('stopping already, within the drain time of the configuration', { signal });
    else log.info('stopping', { signal });
    isStopping = true;
    stop();
  };
  process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGHUP', reload);
  return {
    off: () => void process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGHUP', reload),
  };
}
