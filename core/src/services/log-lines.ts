/**
 * Lines of the log on their way to standard error: those of one turn of the event loop go out in one write. What is urgent
 * is written at once, with all before it, and so is everything when the process ends.
 */

/** Characters that wait at most; more are written before the turn is over. */
const waitingMax = 65_536;

/** See the file's comment. */
export interface LogLines {
  /** Takes a line with its end. */
  write(line: string): void;
  /** Writes what waits. */
  flush(): void;
}

/** Gathers lines for `write`. The last ones are written when `onExit` calls what it was given. */
export function gatherLines(
  write: (lines: string) => void,
  onExit: (flush: () => void) => void = (flush) => void process.once('exit', flush),
): LogLines {
  let waiting = '';
  let isDue = false;
  let isExitAwaited = false;
  const flush = (): void => {
    const lines = waiting;
    waiting = '';
    if (lines !== '') write(lines);
  };
  const atTurnEnd = (): void => {
    isDue = false;
    flush();
  };
  return {
    flush,
    write(line) {
      waiting += line;
      if (waiting.length > waitingMax) flush();
      if (!isExitAwaited) {
        isExitAwaited = true;
        onExit(flush);
      }
      if (isDue) return;
      isDue = true;
      setImmediate(atTurnEnd);
    },
  };
}
