/** Reads a configuration file as it is written: runs it, or parses it and fills in the environment. */
import { readFile } from 'node:fs/promises';
import { MailError, messageOf } from '../errors.js';
import type { ModuleLoader } from '../plugin/load.js';
import type { ConfigFile } from './find-file.js';
import type { ConfigIssue, KeyPath } from './issues.js';
import { type Environment, substituteEnvironment } from './substitute.js';

/** What a file says, before it is checked. */
export interface ConfigSource {
  readonly value: unknown;
  readonly issues: readonly ConfigIssue[];
  /** Paths of strings that came whole from the environment. */
  readonly whole: ReadonlySet<string>;
  lineOf(path: KeyPath): number | undefined;
}

/** Reads the file; `loader` is only asked for when the file is code. */
export async function readSource(
  { file, kind }: ConfigFile,
  loader: () => Promise<ModuleLoader>,
  environment: Environment,
): Promise<ConfigSource> {
  if (kind === 'code') {
    return {
      value: await runConfig(file, await loader()),
      issues: [],
      whole: new Set(),
      lineOf: () => undefined,
    };
  }
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MailError('E_CONFIG_FILE', `${file} can't be read: ${messageOf(cause)}`, { cause });
  });
  const { readDocument } = await import('./read-document.js');
  const document = readDocument(file, kind, text);
  return { ...substituteEnvironment(document.value, environment), lineOf: document.lineOf };
}

async function runConfig(file: string, loader: ModuleLoader): Promise<unknown> {
  const exports = await loader.module(file);
  const config = exports.default ?? exports.config;
  if (config === undefined) {
    throw new MailError(
      'E_CONFIG_FILE',
      `${file} has no default export: write export default defineConfig({ ... })`,
    );
  }
  if (typeof config !== 'function') return config;
  try {
    return await (config as () => unknown)();
  } catch (cause) {
    throw new MailError('E_CONFIG_FILE', `${file}: its function threw: ${messageOf(cause)}`, { cause });
  }
}
