/** argon2id (RFC 9106), in threads. The one importer of @node-rs/argon2. */

/** What OWASP names first: 19 MiB and two passes. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** What a kept hash may ask of us. */
const memoryKibMax = 262_144;
const passesMax = 20;

/** A hash with the parameters of today. */
export async function hashArgon2(password: string): Promise<string> {
  const { hash } = await import('@node-rs/argon2');
  return hash(password, parameters);
}

/** Whether it fits. */
export async function verifyArgon2(passwordHash: string, password: string): Promise<boolean> {
  const { verify } = await import('@node-rs/argon2');
  return verify(passwordHash, password);
}

/** Whether it is such a hash, and one of today; `undefined` when it is none. */
export function readArgon2(text: string): { readonly isOfToday: boolean } | undefined {
  const match =
    /^\$argon2(id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [memoryKib, passes, lanes] = match.slice(2).map(Number) as [number, number, number];
  if (memoryKib > memoryKibMax || passes > passesMax || lanes > 16 || lanes === 0) return undefined;
  const isStrong = memoryKib >= parameters.memoryCost && passes >= parameters.timeCost;
  return { isOfToday: match[1] === 'id' && isStrong };
}
