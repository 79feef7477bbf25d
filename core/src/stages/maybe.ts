/** Going on with an answer that may be a promise, without making one when it is not. */
import type { MaybePromise } from '../hooks/kinds.js';

/** Calls `next` with the value: at once when it is here, later when it is promised. */
export function whenReady<T, R>(value: MaybePromise<T>, next: (value: T) => R | Promise<R>): MaybePromise<R> {
  return isPromise(value) ? value.then(next) : next(value);
}

function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
