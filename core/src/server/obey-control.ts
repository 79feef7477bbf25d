/** A worker that carries out what a command asked of the first process. */
import type { ControlHandler } from '../control/protocol.js';
import type { Given } from '../control/read-arguments.js';
import { MailError } from '../errors.js';
import type { WorkerLink } from './worker-link.js';

/** What was asked; `call` names it when pages go back. */
export interface AskedControl {
  readonly command: string;
  readonly given: Given;
  readonly call: number;
}

/** Runs the handler; pages go to the first process one after another, which says when it can take the next. */
export async function obeyControl(
  link: WorkerLink,
  handlers: Readonly<Record<string, ControlHandler>>,
  { command, given, call }: AskedControl,
): Promise<unknown> {
  const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined;
  if (handler === undefined) throw new MailError('E_USAGE', `a worker does not know the command ${command}`);
  return await handler(given, {
    // Who has gone away is noticed when a page can't be taken any more.
    signal: new AbortController().signal,
    page: async (page) => void (await link.calls.call('page', call, page)),
  });
}
