/** Several sorted sources of keys as one. */

/** All keys in order, each once. The sources are left properly, also when the reader stops early. */
export function* inOrder(sources: readonly Iterator<string>[]): Generator<string> {
  const heads: (string | undefined)[] = sources.map(nextOf);
  try {
    for (;;) {
      const first = smallest(heads);
      if (first === undefined) return;
      yield first;
      for (let at = 0; at < heads.length; at++) {
        if (heads[at] === first) heads[at] = nextOf(sources[at] as Iterator<string>);
      }
    }
  } finally {
    for (const source of sources) source.return?.();
  }
}

function nextOf(source: Iterator<string>): string | undefined {
  const { value, done } = source.next();
  return done === true ? undefined : value;
}

function smallest(heads: readonly (string | undefined)[]): string | undefined {
  let first: string | undefined;
  for (const head of heads) if (head !== undefined && (first === undefined || head < first)) first = head;
  return first;
}
