/** The commands that a running server carries out. */
import { MailError } from '../errors.js';
import type { TrialRequest } from '../server/try-message.js';
import type { Queue } from '../services/queue.js';
import type { QueuedMessage } from '../services/queue-store.js';
import { type ControlCall, type ControlHandler, controlLimits } from './protocol.js';
import {
  type Given,
  readAddress,
  readChangeFilter,
  readFile,
  readFilter,
  readLimit,
  readRoute,
  readSender,
  readSuspension,
  readTarget,
  readText,
} from './read-arguments.js';
import { readTrial } from './read-trial.js';

/** The running server, as far as commands reach it. */
export interface Controlled {
  readonly queue: Queue;
  /** Loads the configuration again and changes over to it. */
  reload(): Promise<void>;
  /** Begins to stop; must not wait for the end, which closes the control socket. */
  stop(options: { readonly drainMs?: number }): void;
  explain(): unknown;
  /** What a plugin answers a command of its own with. */
  pluginControl(plugin: string, command: string): ControlHandler | undefined;
  try(request: TrialRequest): Promise<unknown>;
}

/** Handlers for `createControlServer`. `server` is asked at each call, so that a reload may change what it gives. */
export function controlHandlers(server: Controlled): Readonly<Record<string, ControlHandler>> {
  return {
    'queue.list': (given, call) => listQueue(server.queue, given, call),
    'queue.show': (given) => showMessage(server.queue, given),
    'queue.count': (given) => server.queue.count(readFilter(given.filter)),
    'queue.retry': async (given) => ({ changed: await server.queue.retry(readChangeFilter(given)) }),
    'queue.hold': async (given) => ({
      changed: await server.queue.hold(
        readChangeFilter(given),
        readText(given, 'reason') ?? 'held by the operator',
      ),
    }),
    'queue.release': async (given) => ({ changed: await server.queue.release(readChangeFilter(given)) }),
    'queue.delete': async (given) => ({ changed: await server.queue.delete(readChangeFilter(given)) }),
    'queue.bounce': async (given) => ({
      changed: await server.queue.bounce(
        readChangeFilter(given),
        readText(given, 'reason') ?? 'returned by the postmaster',
      ),
    }),
    'queue.redirect': async (given) => ({
      changed: await server.queue.redirect(readChangeFilter(given), readRoute(given)),
    }),
    'queue.export': (given) => server.queue.exportTo(readFile(given), readFilter(given.filter)),
    'queue.import': (given) => server.queue.importFrom(readFile(given)),
    'queue.suspend': (given) => server.queue.suspend(readTarget(given), readSuspension(given)),
    'queue.resume': async (given) => ({ resumed: await server.queue.resume(readTarget(given)) }),
    'queue.suspensions': () => server.queue.suspensions(),
    'queue.trace': (given) => server.queue.trace(readText(given, 'query') ?? ''),
    resolve: (given) => server.queue.resolve(readAddress(given, 'address'), readSender(given)),
    explain: () => server.explain(),
    plugin: (given, call) => askPlugin(server, given, call),
    try: (given) => server.try(readTrial(given)),
    reload: async () => {
      await server.reload();
      return { reloaded: true };
    },
    stop: (given) => {
      const { drainMs } = given;
      if (drainMs !== undefined && (typeof drainMs !== 'number' || !(drainMs >= 0))) {
        throw new MailError('E_USAGE', 'drainMs is a number of milliseconds');
      }
      server.stop(drainMs === undefined ? {} : { drainMs });
      return { stopping: true };
    },
  };
}

function askPlugin(server: Controlled, { plugin, command, given }: Given, call: ControlCall): unknown {
  const isAsked = typeof plugin === 'string' && typeof command === 'string';
  const answer = isAsked ? server.pluginControl(plugin, command) : undefined;
  if (answer === undefined) {
    throw new MailError('E_USAGE', `the running server has no plugin that answers ${String(command)}`);
  }
  return answer(typeof given === 'object' && given !== null ? (given as Given) : {}, call);
}

/** Sends the recipients page by page, so that a queue of any length is listed in little memory. */
async function listQueue(queue: Queue, given: Given, call: ControlCall): Promise<unknown> {
  const filter = readFilter(given.filter);
  let left = readLimit(given);
  let after: string | undefined;
  let listed = 0;
  do {
    const limit = Math.min(left, controlLimits.pageSize);
    const page = await queue.list(filter, after === undefined ? { limit } : { limit, after });
    if (page.recipients.length > 0) await call.page(page.recipients);
    listed += page.recipients.length;
    left -= page.recipients.length;
    after = page.next;
  } while (after !== undefined && left > 0);
  return { listed, isComplete: after === undefined };
}

async function showMessage(queue: Queue, given: Given): Promise<unknown> {
  const id = readText(given, 'id');
  if (id === undefined) throw new MailError('E_USAGE', 'the id of the message is missing');
  const message = await queue.message(id);
  if (message === undefined) throw new MailError('E_NOT_FOUND', `there is no message ${id} in the queue`);
  const page = await queue.list({ messageId: id }, { limit: controlLimits.pageSize });
  return {
    message: describeMessage(message),
    recipients: page.recipients,
    isComplete: page.next === undefined,
    timeline: (await queue.trace(id)).find(({ messageId }) => messageId === id)?.entries ?? [],
  };
}

function describeMessage(message: QueuedMessage): unknown {
  const { body, state: _state, ...rest } = message;
  return { ...rest, sizeBytes: body.sizeBytes, subject: body.header.get('subject') };
}
