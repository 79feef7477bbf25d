/** Typed state that plugins hang on connections, transactions and messages. Nothing is allocated until a key is set. */

/** A typed key. Make it once, at module level; its name is prefixed with the plugin's by convention. */
export interface Key<T> {
  readonly id: symbol;
  readonly name: string;
  /** Whether the value goes into the queue record with the message; it must then survive JSON. */
  readonly isPersistent: boolean;
  /** Only for the compiler. */
  readonly type?: T;
}

/** A key such as `key<number>('check-score.points')`. Two keys of one name are the same key, also across copies. */
export function key<T>(name: string, options: { readonly persistent?: boolean } = {}): Key<T> {
  return { id: Symbol.for(`postroad.key.${name}`), name, isPersistent: options.persistent === true };
}

/** Something that carries typed state. */
export interface Stateful {
  get<T>(key: Key<T>): T | undefined;
  set<T>(key: Key<T>, value: T): void;
}

/** State that is allocated at the first `set`. */
export class State implements Stateful {
  #values: Map<symbol, { key: Key<unknown>; value: unknown }> | undefined;

  get<T>(of: Key<T>): T | undefined {
    return this.#values?.get(of.id)?.value as T | undefined;
  }

  set<T>(of: Key<T>, value: T): void {
    this.#values ??= new Map();
    this.#values.set(of.id, { key: of as Key<unknown>, value });
  }

  /** The values of persistent keys by name; `undefined` when there are none. */
  persistent(): Record<string, unknown> | undefined {
    if (this.#values === undefined) return undefined;
    const kept = [...this.#values.values()].filter((entry) => entry.key.isPersistent);
    if (kept.length === 0) return undefined;
    return Object.fromEntries(kept.map((entry) => [entry.key.name, entry.value]));
  }
}
