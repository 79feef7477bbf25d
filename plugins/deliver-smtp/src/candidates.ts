/**
 * The addresses of all hosts of a delivery in the order in which they are to be tried: hosts of equal preference together,
 * so that one of them that is slow or gone costs a moment only; worse hosts when the better ones have failed; and last of
 * all whatever did not answer lately (RFC 5321 section 4.5.4.1 lets a client remember). Looked up as they are needed.
 */
import type { Target } from './targets.js';
import type { Security } from './tls/security.js';

/** One address of one host, and what must hold for a session with it. */
export interface Candidate {
  readonly target: Target;
  readonly address: string;
  readonly port: number;
  readonly security: Security;
}

/** What candidates are made from. */
export interface CandidatesOptions {
  /** By preference. */
  readonly groups: readonly (readonly Target[])[];
  /** Looks a host up; none when it can't be used. */
  lookUp(target: Target): Promise<readonly Candidate[]>;
  /** Whether it did not answer lately. */
  isFailing(address: string): boolean;
}

/** See the file's comment. Asked by one connection attempt at a time. */
export class Candidates {
  readonly #options: CandidatesOptions;
  #groups: readonly (readonly Target[])[];
  #ready: Candidate[] = [];
  #failing: Candidate[] = [];
  readonly #pending = new Set<Promise<void>>();
  #error: { readonly cause: unknown } | undefined;

  constructor(options: CandidatesOptions) {
    this.#options = options;
    this.#groups = options.groups;
  }

  /** The next one; `mayWorsen` when everything that was given has failed. Rejects when a look-up does. */
  async next(mayWorsen: boolean): Promise<Candidate | undefined> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error.cause;
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      if (this.#pending.size > 0) await Promise.race(this.#pending);
      else if (!mayWorsen || !this.#worsen()) return undefined;
    }
  }

  /** Those that were given and not used: they are the next again. */
  putBack(candidates: readonly Candidate[]): void {
    this.#ready.unshift(...candidates);
  }

  #worsen(): boolean {
    const [group, ...rest] = this.#groups;
    this.#groups = rest;
    if (group === undefined) {
      this.#ready = this.#failing;
      this.#failing = [];
      return this.#ready.length > 0;
    }
    for (const target of group) this.#begin(target);
    return true;
  }

  #begin(target: Target): void {
    const { lookUp, isFailing } = this.#options;
    const work = lookUp(target)
      .then(
        (found) => {
          for (const one of found) (isFailing(one.address) ? this.#failing : this.#ready).push(one);
        },
        (cause: unknown) => {
          this.#error ??= { cause };
        },
      )
      .finally(() => this.#pending.delete(work));
    this.#pending.add(work);
  }
}
