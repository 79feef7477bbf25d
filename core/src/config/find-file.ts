/** Where the configuration file is. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { MailError, messageOf } from '../errors.js';

/** The kinds of configuration files by extension. */
const kindOfExtension = {
  '.ts': 'code',
  '.mts': 'code',
  '.js': 'code',
  '.mjs': 'code',
  '.json': 'json',
  '.yaml': 'yaml',
  '.yml': 'yaml',
} as const;

/** How a file is read: run as code, or parsed. */
export type ConfigKind = (typeof kindOfExtension)[keyof typeof kindOfExtension];

/** A configuration file that is there. */
export interface ConfigFile {
  readonly file: string;
  readonly kind: ConfigKind;
}

const extensions = Object.keys(kindOfExtension);

/**
 * The file at `path`, or the one `postroad.config.*` of `directory`. Throws `E_CONFIG_FILE` when it is missing, of no
 * known kind, or when there are several to choose from.
 */
export async function findConfigFile(path: string | undefined, directory: string): Promise<ConfigFile> {
  if (path === undefined) return searchDirectory(directory);
  const file = resolve(directory, path);
  const found = await stat(file).catch((cause: unknown) => {
    throw new MailError('E_CONFIG_FILE', `${file} can't be read: ${reasonOf(cause)}`, { cause });
  });
  return found.isDirectory() ? searchDirectory(file) : withKind(file);
}

async function searchDirectory(directory: string): Promise<ConfigFile> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw new MailError('E_CONFIG_FILE', `${directory} can't be read: ${reasonOf(cause)}`, { cause });
  });
  const found = extensions
    .map((extension) => `postroad.config${extension}`)
    .filter((name) => names.includes(name));
  const [name, another] = found;
  if (name === undefined) {
    const wanted = `postroad.config${extensions.join(', ')}`;
    throw new MailError(
      'E_CONFIG_FILE',
      `there is no configuration in ${directory} (looked for ${wanted}); name one with --config`,
    );
  }
  if (another !== undefined) {
    throw new MailError(
      'E_CONFIG_FILE',
      `${directory} has several configurations (${found.join(', ')}); name one with --config`,
    );
  }
  return withKind(join(directory, name));
}

function withKind(file: string): ConfigFile {
  const extension = extname(file).toLowerCase();
  if (!isKnown(extension)) {
    throw new MailError('E_CONFIG_FILE', `${file}: a configuration ends in one of ${extensions.join(', ')}`);
  }
  return { file, kind: kindOfExtension[extension] };
}

function isKnown(extension: string): extension is keyof typeof kindOfExtension {
  return Object.hasOwn(kindOfExtension, extension);
}

function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' ? 'there is no such file' : messageOf(error);
}
