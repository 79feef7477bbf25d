/**
 * Running a hook as Haraka does: one function after another until one says something else than CONT. Unlike in Haraka a
 * function that throws, rejects, never calls back or calls back twice is broken, and what is broken decides nothing.
 */
import { create as createDomain } from 'node:domain';
import { type Clock, type Logger, messageOf } from '@postroad/core';
import { codes, isDenial, isUsableCode } from './codes.js';
import type { HarakaConnection } from './connection.js';
import type { HookRegistry, RegisteredHook } from './plugin-object.js';

/** What a hook came to. */
export interface HookResult {
  /** A return code, or that a plugin is broken. */
  readonly code: number | 'broken';
  readonly message: unknown;
  /** Who said it. */
  readonly plugin: string;
}

/** What running needs. */
export interface RunOptions {
  readonly registry: HookRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly onError: 'defer' | 'skip';
}

const nobody: HookResult = { code: codes.CONT, message: undefined, plugin: '' };
/** Every plugin is asked, whatever the others say. */
const unconditional: ReadonlySet<string> = new Set(['connect_init', 'disconnect', 'reset_transaction']);

/** Runs it; never rejects. */
export async function runHooks(
  options: RunOptions,
  hook: string,
  connection: HarakaConnection,
  params: unknown,
  signal: AbortSignal,
): Promise<HookResult> {
  for (const registered of options.registry.get(hook)) {
    if (isSkipped(connection, registered.plugin.name)) continue;
    const result = await callOne(options, hook, registered, connection, params, signal);
    if (result.code === 'broken' && options.onError === 'skip') continue;
    if (result.code === 'broken') return result;
    if (result.code === codes.CONT || unconditional.has(hook)) continue;
    if (
      hook !== 'deny' &&
      isDenial(result.code) &&
      (await isOverruled(options, hook, connection, params, registered, result, signal))
    )
      continue;
    return result;
  }
  return nobody;
}

/** The `deny` hook may overrule a refusal by OK; the rest of the hook then runs. */
async function isOverruled(
  options: RunOptions,
  hook: string,
  connection: HarakaConnection,
  params: unknown,
  { plugin, method }: RegisteredHook,
  { code, message }: HookResult,
  signal: AbortSignal,
): Promise<boolean> {
  const said = [code, message, plugin.name, method, params, hook];
  return (await runHooks(options, 'deny', connection, said, signal)).code === codes.OK;
}

function isSkipped({ transaction }: HarakaConnection, plugin: string): boolean {
  const skipped = transaction?.notes.skip_plugins;
  return Array.isArray(skipped) && skipped.includes(plugin);
}

function callOne(
  { clock, log, timeoutMs }: RunOptions,
  hook: string,
  { plugin, method }: RegisteredHook,
  connection: HarakaConnection,
  params: unknown,
  signal: AbortSignal,
): Promise<HookResult> {
  return new Promise((resolve) => {
    let isAnswered = false;
    let isSettled = false;
    const settle = (code: HookResult['code'], message: unknown) => {
      if (isSettled) return;
      isSettled = true;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      resolve({ code, message, plugin: plugin.name });
    };
    const fail = (error: unknown) => {
      log.error('a plugin of Haraka is broken', { haraka: plugin.name, hook, text: messageOf(error), error });
      // What comes too late for this hook counts for those that follow.
      if (isSettled) connection.broken ??= plugin.name;
      settle('broken', undefined);
    };
    const onAbort = () => fail(signal.reason);
    const next = (code?: unknown, message?: unknown) => {
      if (isAnswered) return fail(new Error('it called back twice'));
      isAnswered = true;
      const meant =
        code === undefined || code === null || code === 0 || code === '' || code === false
          ? codes.CONT
          : code;
      if (!isUsableCode(meant)) return fail(new Error(`it called back with ${String(code)}`));
      // A second call in the same turn comes before this.
      setImmediate(() => settle(meant, message));
    };
    const timer = clock.after(timeoutMs, () =>
      fail(new Error(`it did not call back within ${timeoutMs} ms`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    // A domain catches what the plugin throws later, in its timers and sockets: else it would end the process.
    const domain = createDomain();
    domain.on('error', fail);
    domain.run(() => {
      try {
        const call = plugin[method] as (next: unknown, connection: unknown, params: unknown) => unknown;
        const returned = call.call(plugin, next, connection, params);
        if (isThenable(returned)) returned.then(undefined, fail);
      } catch (error) {
        fail(error);
      }
    });
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
