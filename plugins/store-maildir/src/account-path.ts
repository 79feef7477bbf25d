/** Where the Maildir of an account is. No id can lead out of the directory, and no two ids to one place. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Names of files end at 255 octets; what would be longer becomes a digest. */
const nameOctetsMax = 200;

/** The path for an account id by a template with `{account}`, `{localPart}` and `{domain}`. */
export function accountPath(directory: string, template: string, accountId: string): string {
  const at = accountId.lastIndexOf('@');
  const [localPart, domain] = at < 0 ? [accountId, ''] : [accountId.slice(0, at), accountId.slice(at + 1)];
  const path = template
    .replaceAll('{account}', () => safeName(accountId))
    .replaceAll('{localPart}', () => safeName(localPart))
    .replaceAll('{domain}', () => safeName(domain));
  return join(directory, path);
}

/** Everything but small letters, digits and some signs becomes `%` and hexadecimal digits; a dot in front too. */
function safeName(text: string): string {
  const safe = text.replace(/[^a-z0-9._+=@-]/gu, (character) => {
    return [...Buffer.from(character)].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
  });
  const name = safe.replace(/^\./, '%2e');
  if (name === '') return '%';
  if (name.length <= nameOctetsMax) return name;
  return `%%${createHash('sha256').update(text).digest('hex')}`;
}
