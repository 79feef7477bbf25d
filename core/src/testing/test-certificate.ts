/** A certificate for tests of TLS. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSelfSigned } from '../services/self-signed-certificate.js';
import { systemClock } from '../services/system-clock.js';

/** Key and certificate in PEM, made for this call and kept nowhere: valid for ten years from `nowMs` on. */
export async function makeTestCertificate({
  hostname = 'mx.example.org',
  nowMs = systemClock.now(),
} = {}): Promise<{ readonly key: string; readonly cert: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'test-certificate-'));
  try {
    const read = (file: string) => readFile(file, 'utf8');
    const files = await ensureSelfSigned(directory, hostname, nowMs, read);
    return { key: await read(files.keyFile), cert: await read(files.certificateFile) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
