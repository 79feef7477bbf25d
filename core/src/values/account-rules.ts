/** What holds for accounts wherever they are kept. */

const loginOctetsMax = 255;
const quotaUnits: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Most application passwords of an account. */
export const applicationPasswordsMax = 50;

/** How ids of accounts look. */
export const accountIdPattern = /^[A-Za-z0-9._\-@+]{1,255}$/;

/** How names of protocols look. */
export const protocolPattern = /^[a-z][a-z0-9-]{0,31}$/;

/** Octets of `1048576`, `500M`, `2G`; `undefined` when it is not a quota. */
export function parseQuota(quota: number | string): number | undefined {
  const match = /^(\d{1,15})([KMGT]?)$/i.exec(String(quota));
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (quotaUnits[(match[2] ?? '').toUpperCase()] ?? 1);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** The form in which logins are compared: ASCII case does not matter, Unicode is NFC. */
export function loginKey(login: string): string {
  return login.normalize('NFC').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether an application password can be called so. */
export function isApplicationName(name: string): boolean {
  return name.trim() !== '' && name.length <= 64 && !/[\u0000-\u001f\u007f]/.test(name);
}

/** Whether it can be a login. */
export function isLogin(login: string): boolean {
  return (
    login !== '' && Buffer.byteLength(login) <= loginOctetsMax && !/[\u0000-\u001f\u007f\ufffd]/.test(login)
  );
}
