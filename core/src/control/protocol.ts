/**
 * What is said over the control socket: one JSON object a line. A client asks `{ id, command, arguments }`; the server
 * answers any number of `{ id, page }` and then one `{ id, result }` or `{ id, error }`. Requests of a connection are
 * carried out one after another, in their order. The end of the connection ends what is still under way.
 */

/** Limits of the protocol. */
export const controlLimits = Object.freeze({
  requestOctetsMax: 65_536,
  answerOctetsMax: 4_194_304,
  connectionsMax: 32,
  /** Requests of one connection that wait for their turn. */
  waitingMax: 64,
  /** Recipients on one page of a list. */
  pageSize: 500,
});

/** A request. */
export interface ControlRequest {
  readonly id: number;
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A line of an answer. */
export type ControlAnswer =
  | { readonly id: number | null; readonly page: unknown }
  | { readonly id: number | null; readonly result: unknown }
  | { readonly id: number | null; readonly error: { readonly code: string; readonly message: string } };

/** What a handler is called with, besides the arguments. */
export interface ControlCall {
  /** Sends a part of the answer; resolves when the client has room for more. */
  page(page: unknown): Promise<void>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** Carries out one command; what it throws becomes the error of the answer. */
export type ControlHandler = (
  given: Readonly<Record<string, unknown>>,
  call: ControlCall,
) => unknown | Promise<unknown>;

/** A request from a line; `undefined` when it is none. */
export function readRequest(line: string): ControlRequest | undefined {
  const parsed = parseObject(line);
  if (parsed === undefined) return undefined;
  const { id, command, arguments: given = {} } = parsed;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || typeof command !== 'string') return undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  return { id, command, arguments: given as Readonly<Record<string, unknown>> };
}

/** An answer from a line; `undefined` when it is none. */
export function readAnswer(line: string): ControlAnswer | undefined {
  const parsed = parseObject(line);
  if (parsed === undefined || !('id' in parsed)) return undefined;
  if ('page' in parsed || 'result' in parsed) return parsed as unknown as ControlAnswer;
  const { error } = parsed;
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
  return parsed as unknown as ControlAnswer;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined; // Not JSON is not an object; the caller says so to its peer.
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    ? (parsed as Readonly<Record<string, unknown>>)
    : undefined;
}
