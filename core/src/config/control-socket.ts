/** Where the control socket of a configuration is, read without loading its plugins or checking anything else. */
import { dirname, resolve } from 'node:path';
import { findConfigFile } from './find-file.js';
import { readSource } from './read-source.js';
import { type Environment, isPlainObject } from './substitute.js';

/** What is known of it. */
export interface ControlPlace {
  readonly file: string;
  /** `undefined` when the configuration has no control socket. */
  readonly socket: string | undefined;
}

/** Reads the file at `path`, or the `postroad.config.*` of `directory`. A code file is run. */
export async function findControlSocket(
  path: string | undefined,
  directory: string,
  environment: Environment,
): Promise<ControlPlace> {
  const found = await findConfigFile(path, directory);
  const home = dirname(found.file);
  const loader = async () => (await import('../plugin/load.js')).createModuleLoader(home);
  const { value } = await readSource(found, loader, environment);
  const control = isPlainObject(value) ? value.control : undefined;
  const socket = isPlainObject(control) ? control.socket : undefined;
  return { file: found.file, socket: typeof socket === 'string' ? resolve(home, socket) : undefined };
}
