/** A program that does what it is told on its standard input, and says one line for each. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Asks the program one thing after the other; `gone` is what one that has ended says. */
export function askOf(child: ChildProcess): (what: string) => Promise<string> {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the program has no ends');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  let last: Promise<unknown> = Promise.resolve();
  return (what) => {
    stdin.write(`${what}\n`);
    const answer = last.then(async () => {
      const { value, done } = await lines.next();
      return done === true ? 'gone' : (value as string);
    });
    last = answer;
    return answer;
  };
}
