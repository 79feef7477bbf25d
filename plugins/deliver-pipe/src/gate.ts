/** Lets in so many at once; the others wait in their order. */

/** Each caller that was let in calls what it got once, when it is done. */
export function createGate(insideMax: number): () => Promise<() => void> {
  let inside = 0;
  const waiting: (() => void)[] = [];
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) inside--;
    else next();
  };
  return async () => {
    if (inside < insideMax) inside++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return leave;
  };
}
