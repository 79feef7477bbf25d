/**
 * Proofs that are shown at the moment, as files: one process asks for a certificate, but the ACME server's question may reach
 * another one. Names of files are checked by the caller: they come from strangers.
 */
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readOrNothing } from './pair-files.js';

/** The proofs of a directory. */
export class ProofFiles {
  readonly #folder: string;

  constructor(directory: string) {
    this.#folder = join(directory, 'proofs');
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(join(this.#folder, name), text, { mode: 0o600 });
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
  }

  async read(name: string): Promise<string | undefined> {
    return await readOrNothing(join(this.#folder, name));
  }

  /** In the middle of a handshake there is no waiting. Only who asks for a proof comes here. */
  readNow(name: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
