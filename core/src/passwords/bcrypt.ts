/** bcrypt, in threads. The one importer of @node-rs/bcrypt. */

const pattern = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const costMax = 15;

/** Whether it is such a hash that may be computed. */
export function isBcrypt(text: string): boolean {
  const cost = Number(pattern.exec(text)?.[1] ?? Number.NaN);
  return cost >= 4 && cost <= costMax;
}

/** Whether it fits. PHP and Dovecot write `2y` for what others write `2b`. */
export async function verifyBcrypt(passwordHash: string, password: string): Promise<boolean> {
  const { verify } = await import('@node-rs/bcrypt');
  return verify(password, passwordHash.replace(/^\$2[xy]\$/, '$2b$'));
}
