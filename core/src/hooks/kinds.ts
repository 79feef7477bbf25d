/** The four kinds of hooks, as types. What each does at run time stands in `run-<kind>.ts`. */

/** Asked one after another; the first answer that is not `undefined` ends it. */
export interface Decide<Input extends readonly unknown[], Result> {
  readonly kind: 'decide';
  readonly input: Input;
  readonly result: Result | undefined;
  readonly outcome: Result | undefined;
}

/** Asked all at once under one deadline; the results in tap order. */
export interface Gather<Input extends readonly unknown[], Result> {
  readonly kind: 'gather';
  readonly input: Input;
  readonly result: Result | readonly Result[] | undefined;
  readonly outcome: readonly Result[];
}

/** One after another, each gets the value of the one before and returns a new one, or `undefined` to leave it. */
export interface Transform<Value, Input extends readonly unknown[]> {
  readonly kind: 'transform';
  readonly input: readonly [...Input, value: Value];
  readonly result: Value | undefined;
  readonly outcome: Value;
}

/** Told all at once after the outcome is fixed; can change nothing. */
export interface Observe<Input extends readonly unknown[]> {
  readonly kind: 'observe';
  readonly input: Input;
  readonly result: void;
  readonly outcome: void;
}

/** A hook of any kind. */
export type AnyHook =
  | Decide<never, unknown>
  | Gather<never, unknown>
  | Transform<never, never>
  | Observe<never>;

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;
