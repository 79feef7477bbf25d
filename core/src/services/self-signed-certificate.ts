/**
 * A certificate for servers that were given none, so that no password has to travel in clear text even then. Clients
 * will warn. The one importer of @peculiar/x509.
 */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonGeneralNames } from '@peculiar/x509';
import { MailError } from '../errors.js';

/** The two files. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

const dayMs = 86_400_000;
const validForMs = 3_653 * dayMs;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * Makes `key.pem` (mode 0600) and `certificate.pem` in the directory, unless they are there: EC P-256, for the host
 * name, localhost and the loopback addresses, valid for ten years. Processes that start at the same moment end up with
 * one pair: the first file of each name stays, and the certificate is always made for the key that stayed.
 */
export async function ensureSelfSigned(
  directory: string,
  hostname: string,
  nowMs: number,
  readKey: (file: string) => Promise<string>,
): Promise<CertificateFiles> {
  const files = { certificateFile: join(directory, 'certificate.pem'), keyFile: join(directory, 'key.pem') };
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (!(await exists(files.keyFile))) await writeOnce(files.keyFile, newKey(), 0o600);
    if (!(await exists(files.certificateFile))) {
      const certificate = await selfSigned(await readKey(files.keyFile), hostname, nowMs);
      await writeOnce(files.certificateFile, certificate, 0o644);
    }
  } catch (cause) {
    throw new MailError('E_TLS', `a self-signed certificate can't be made in ${directory}`, { cause });
  }
  return files;
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function selfSigned(keyPem: string, hostname: string, nowMs: number): Promise<string> {
  // Only a first start needs it; every start would pay for loading it.
  const x509 = await import('@peculiar/x509');
  const subtle = webcrypto.subtle;
  const key = createPrivateKey(keyPem);
  const publicDer = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const privateDer = key.export({ type: 'pkcs8', format: 'der' });
  const publicKey = await subtle.importKey('spki', publicDer, algorithm, true, ['verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [hostname] }],
    notBefore: new Date(nowMs - dayMs),
    notAfter: new Date(nowMs + validForMs),
    signingAlgorithm: algorithm,
    keys: {
      publicKey,
      privateKey: await subtle.importKey('pkcs8', privateDer, algorithm, false, ['sign']),
    },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(hostname)),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function alternativeNames(hostname: string): JsonGeneralNames {
  const names = new Set([hostname.toLowerCase(), 'localhost']);
  return [
    ...[...names].map((value) => ({ type: 'dns' as const, value })),
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ];
}

/** Positive and without a leading zero octet (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const octets = randomBytes(16);
  octets[0] = ((octets[0] as number) & 0x3f) | 0x40;
  return octets.toString('hex');
}

async function exists(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Writes the file whole, unless somebody else was first. */
async function writeOnce(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await linkOrRename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function linkOrRename(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // File systems without hard links: two processes that start at once could then differ, for one start.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    await rename(temporary, file);
  }
}
