/** Runs the server until a signal or `postroad stop`. */
import { MailError, messageOf } from '../errors.js';
import { createMta, type Mta } from '../mta.js';
import type { Logger } from '../services/logger.js';
import { createLogger } from '../services/pino-logger.js';
import type { CliContext } from './command.js';
import { watchFiles } from './watch-files.js';

/** What `postroad start` does; resolves when the server has stopped. */
export async function startServer(context: CliContext): Promise<void> {
  const loaded = await context.loadConfig();
  const configuration = async () => (await context.loadConfig()).options;
  const mta = createMta(loaded.options, { configuration });
  const log = createLogger(loaded.options.log?.level);
  const signals = listenToSignals(mta, log);
  const stayAlive = new MessageChannel();
  // A server without any listener has nothing else that keeps the process.
  stayAlive.port1.ref();
  try {
    await mta.start();
    tellStarted(context, mta, loaded.file);
    const watching =
      context.args.watch === true ? watchFiles(loaded, () => reload(mta, log), log) : undefined;
    await mta.whenStopped();
    watching?.close();
    if (signals.failure !== undefined) throw signals.failure;
  } finally {
    signals.off();
    stayAlive.port1.close();
  }
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
