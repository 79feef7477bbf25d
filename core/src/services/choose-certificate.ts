/** Which of several certificates is shown for the name that a client asks for (RFC 6066 section 3). */

/** Something that is for some names, such as a certificate. */
export interface Named {
  /** In lower case; `*` stands for the first label (RFC 9525 section 6.3). */
  readonly names: readonly string[];
}

/** The first that has the name itself, then the first that has it with `*`, then the first of all. */
export function chooseByName<T extends Named>(
  all: readonly T[],
  serverName: string | undefined,
): T | undefined {
  if (serverName === undefined || all.length < 2) return all[0];
  const name = serverName.toLowerCase().replace(/\.$/, '');
  const wildcard = name.replace(/^[^.]+/, '*');
  return (
    all.find(({ names }) => names.includes(name)) ??
    all.find(({ names }) => names.includes(wildcard)) ??
    all[0]
  );
}
