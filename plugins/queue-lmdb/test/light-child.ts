/**
 * The programs that tests kill, made light. Most of the time of a killed process goes into loading what it never uses: all of
 * the core, and the plugin around the store. Here the built store stands in a folder where `@postroad/core` has only what
 * the store imports, from the same built files.
 */
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The folder with the program. */
export interface LightChild extends AsyncDisposable {
  /** To be started with Node.js. */
  readonly file: string;
}

/** Makes it, out of `crash-child.mjs`. */
export async function makeLightChild(): Promise<LightChild> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-child-'));
  const own = join(import.meta.dirname, '..');
  const modules = join(directory, 'node_modules');
  await mkdir(join(modules, '@postroad/core'), { recursive: true });
  await mkdir(join(modules, '@postroad/queue-lmdb'), { recursive: true });
  await symlink(await realpath(join(own, 'node_modules/lmdb')), join(modules, 'lmdb'));
  await cp(join(own, 'dist'), join(modules, '@postroad/queue-lmdb/dist'), { recursive: true });
  await writePackage(join(modules, '@postroad/queue-lmdb'), './dist/lmdb-queue-store.js');
  const file = join(directory, 'crash-child.mjs');
  await copyFile(join(import.meta.dirname, 'crash-child.mjs'), file);
  const names = new Set<string>();
  for (const path of await filesOf(join(modules, '@postroad/queue-lmdb/dist'))) await addNames(names, path);
  await addNames(names, file);
  await writeFile(join(modules, '@postroad/core/index.js'), await coreWith(names));
  await writePackage(join(modules, '@postroad/core'), './index.js');
  return { file, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

async function writePackage(directory: string, entry: string): Promise<void> {
  const text = JSON.stringify({ type: 'module', exports: entry });
  await writeFile(join(directory, 'package.json'), text);
}

/** The plugin itself, which loads most, is not among them. */
async function filesOf(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  const isOfStore = (name: string): boolean =>
    /\.js$/.test(name) && !/test|(?:^|\/)(?:index|queue-lmdb)\.js$/.test(name);
  return names.filter(isOfStore).map((name) => join(directory, name));
}

async function addNames(names: Set<string>, path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  for (const [, list = ''] of text.matchAll(/import \{([^}]*)\} from '@postroad\/core'/g)) {
    for (const name of list.split(',')) if (name.trim() !== '') names.add(name.trim());
  }
}

/** The lines of the core's entry that give these names. */
async function coreWith(names: ReadonlySet<string>): Promise<string> {
  const entry = join(import.meta.dirname, '../node_modules/@postroad/core/dist/index.js');
  const text = await readFile(entry, 'utf8');
  const lines: string[] = [];
  for (const [, list = '', from = ''] of text.matchAll(/export \{([^}]*)\} from '([^']+)'/g)) {
    const wanted = list.split(',').map((name) => name.trim());
    const found = wanted.filter((name) => names.has(name));
    if (found.length === 0) continue;
    lines.push(`export { ${found.join(', ')} } from '${pathToFileURL(join(dirname(entry), from)).href}';`);
  }
  return `${lines.join('\n')}\n`;
}
