/** The commands that a running server carries out. */
import { MailError } from '../errors.js';
import type { Queue, SuspensionTarget } from '../services/queue.js';
import type { QueuedMessage, QueueFilter, RecipientState } from '../services/queue-store.js';
import { type ControlCall, type ControlHandler, controlLimits } from './protocol.js';

/** The running server, as far as commands reach it. */
export interface Controlled {
  readonly queue: Queue;
  /** Loads the configuration again and changes over to it. */
  reload(): Promise<void>;
  /** Begins to stop; must not wait for the end, which closes the control socket. */
  stop(options: { readonly drainMs?: number }): void;
  explain(): unknown;
}

type Given = Readonly<Record<string, unknown>>;

const states: readonly RecipientState[] = ['ready', 'waiting', 'leased', 'held'];
const filterKeys = ['messageId', 'state', 'site', 'domain', 'recipient', 'sender'] as const;

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
    'queue.suspend': (given) => server.queue.suspend(readTarget(given), readSuspension(given)),
    'queue.resume': async (given) => ({ resumed: await server.queue.resume(readTarget(given)) }),
    'queue.suspensions': () => server.queue.suspensions(),
    'queue.trace': (given) => server.queue.trace(readText(given, 'query') ?? ''),
    explain: () => server.explain(),
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
  };
}

function describeMessage(message: QueuedMessage): unknown {
  const { body, state: _state, ...rest } = message;
  return { ...rest, sizeBytes: body.sizeBytes, subject: body.header.get('subject') };
}

/** An empty filter changes everything, so that must be said. */
function readChangeFilter(given: Given): QueueFilter {
  const filter = readFilter(given.filter);
  if (Object.keys(filter).length === 0 && given.all !== true) {
    throw new MailError('E_USAGE', 'name a message or a filter, or say that all are meant');
  }
  return filter;
}

function readFilter(value: unknown): QueueFilter {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new MailError('E_USAGE', 'the filter is no object');
  const filter: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (!filterKeys.some((known) => known === key)) throw new MailError('E_USAGE', `unknown filter ${key}`);
    if (typeof text !== 'string') throw new MailError('E_USAGE', `the filter ${key} is no text`);
    filter[key] = text;
  }
  if (filter.state !== undefined && !states.some((state) => state === filter.state)) {
    throw new MailError('E_USAGE', `a state is one of ${states.join(', ')}`);
  }
  return filter as QueueFilter;
}

function readTarget({ kind, value }: Given): SuspensionTarget {
  const isKnown = kind === 'site' || kind === 'domain' || kind === 'account';
  if (isKnown && typeof value === 'string' && value !== '') return { kind, value };
  throw new MailError('E_USAGE', 'name a site, a domain or an account');
}

function readSuspension(given: Given): { readonly reason: string; readonly untilMs?: number } {
  const reason = readText(given, 'reason') ?? 'suspended by the operator';
  const { untilMs } = given;
  if (untilMs === undefined) return { reason };
  if (typeof untilMs === 'number' && Number.isFinite(untilMs)) return { reason, untilMs };
  throw new MailError('E_USAGE', 'untilMs is a moment in milliseconds');
}

function readLimit(given: Given): number {
  const { limit = Number.MAX_SAFE_INTEGER } = given;
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new MailError('E_USAGE', 'the limit is a number above 0');
}

function readText(given: Given, key: string): string | undefined {
  const value = given[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
