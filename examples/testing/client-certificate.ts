/** An authority, and a certificate of a client that it has signed, as files made by openssl. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the files are. */
export interface ClientCertificateFiles {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes both in the folder, for a day; the certificate is for the address. */
export function makeClientCertificate(folder: string, address: string): ClientCertificateFiles {
  const openssl = (args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe', timeout: 20_000 });
  const pair = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl([
    ...['req', '-x509', ...pair, '-days', '1', '-subj', '/CN=Authority'],
    ...['-keyout', 'authority.key', '-out', 'authority.pem'],
  ]);
  openssl(['req', '-new', ...pair, '-subj', '/CN=client', '-keyout', 'client.key', '-out', 'client.csr']);
  writeFileSync(join(folder, 'client.ext'), `subjectAltName=email:${address}\n`);
  openssl([
    ...['x509', '-req', '-in', 'client.csr', '-CA', 'authority.pem', '-CAkey', 'authority.key'],
    ...['-CAcreateserial', '-days', '1', '-extfile', 'client.ext', '-out', 'client.pem'],
  ]);
  const at = (name: string) => join(folder, name);
  return { authority: at('authority.pem'), certificate: at('client.pem'), key: at('client.key') };
}
