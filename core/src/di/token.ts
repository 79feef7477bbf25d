/**
 * Typed names of services. A service is one-of: exactly one plugin, or the core, provides it; but a token may say how
 * several are made into one.
 */

/** The name of a service. Two tokens of one name are the same token, also across copies of the core. */
export interface Token<T> {
  readonly id: symbol;
  readonly name: string;
  /** Only for the compiler. */
  readonly type?: T;
  /** Makes one of several, in the order of the composition; without it only one plugin may provide the service. */
  compose?(services: readonly T[]): T;
}

/** What a token may say of itself. */
export interface TokenOptions<T> {
  readonly compose?: (services: readonly T[]) => T;
}

/** Makes a token; by convention it has the interface's own name: `export const Resolver = token<Resolver>('core.resolver')`. */
export function token<T>(name: string, options: TokenOptions<T> = {}): Token<T> {
  return Object.freeze({ id: Symbol.for(`postroad.token.${name}`), name, ...options });
}

/** A service that a plugin can do without. */
export interface OptionalNeed<T> {
  readonly optional: Token<T>;
}

/** Marks a need as optional: `needs: { changes: optional(Changes) }` gives `undefined` when nobody provides it. */
export function optional<T>(of: Token<T>): OptionalNeed<T> {
  return { optional: of };
}

/** What a plugin writes in `needs`. */
export type Needs = Readonly<Record<string, Token<unknown> | OptionalNeed<unknown>>>;

/** The services a plugin gets for its needs. */
export type ServicesOf<N extends Needs> = {
  readonly [K in keyof N]: N[K] extends OptionalNeed<infer T>
    ? T | undefined
    : N[K] extends Token<infer T>
      ? T
      : never;
};
