/** Return codes, by the numbers of `haraka-constants`. */

/** The codes. */
export const codes = {
  CONT: 900,
  STOP: 901,
  DENY: 902,
  DENYSOFT: 903,
  DENYDISCONNECT: 904,
  DISCONNECT: 905,
  OK: 906,
  NEXT_HOOK: 907,
  DELAY: 908,
  DENYSOFTDISCONNECT: 909,
} as const;

const known: ReadonlySet<unknown> = new Set(Object.values(codes));
const denials: ReadonlySet<number> = new Set([
  codes.DENY,
  codes.DENYSOFT,
  codes.DENYDISCONNECT,
  codes.DENYSOFTDISCONNECT,
]);

/** Whether it is a code that means something here; the two for other hooks are not. */
export function isUsableCode(code: unknown): code is number {
  return known.has(code) && code !== codes.NEXT_HOOK && code !== codes.DELAY;
}

/** Whether it refuses, so that the `deny` hook runs. */
export function isDenial(code: number): boolean {
  return denials.has(code);
}
