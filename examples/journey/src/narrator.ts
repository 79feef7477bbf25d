/** Tells the journey: numbered steps, each told once it has truly happened. */

/** Tells one step. */
export type Say = (line: string) => void;

/** Tells the steps of a story. */
export interface Narrator {
  /** Runs a step, and prints its title and what it says; a step that fails is told too, and the story ends with it. */
  step<T>(title: string, happen: (say: Say) => Promise<T>): Promise<T>;
  readonly count: number;
}

/** A narrator that writes lines. */
export function createNarrator(write: (line: string) => void): Narrator {
  let count = 0;
  return {
    get count() {
      return count;
    },
    async step(title, happen) {
      count++;
      const lines: string[] = [];
      const tell = (mark: string) => {
        write(`${String(count).padStart(2)}. ${title}${mark}`);
        for (const line of lines) write(`      ${line}`);
      };
      try {
        const result = await happen((line) => lines.push(...line.split('\n')));
        tell('');
        return result;
      } catch (error) {
        tell(' ✗ THIS DOES NOT HOLD');
        throw error;
      }
    },
  };
}

/** Throws when something of the story is not so. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`not so: ${what}`);
}
