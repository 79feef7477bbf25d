/**
 * Loading a plugin's modules. Haraka puts its constants and `server` into the global scope; here each file of the plugin
 * gets them as names of its own, so that two generations, and the rest of the process, do not meet in there. What the
 * plugin requires from elsewhere is required as usual.
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { compileFunction } from 'node:vm';
import { MailError } from '@postroad/core';

/** Where a plugin is. */
export interface PluginPlace {
  readonly name: string;
  /** Its main file. */
  readonly file: string;
  /** The folder with its package.json, or with its file. */
  readonly folder: string;
}

/** Finds a plugin by package or path; throws `E_PLUGIN_LOAD` when there is none. */
export function findPlugin(wanted: string, directory: string): PluginPlace {
  const name = basename(wanted)
    .replace(/\.js$/, '')
    .replace(/^haraka-plugin-/, '');
  if (isAbsolute(wanted) || wanted.startsWith('.')) {
    const path = resolve(directory, wanted);
    if (existsSync(path) && statSync(path).isFile()) return { name, file: path, folder: dirname(path) };
    if (existsSync(join(path, 'package.json'))) return packageAt(name, path);
    throw new MailError('E_PLUGIN_LOAD', `there is no plugin of Haraka at ${path}`);
  }
  const require = createRequire(join(resolve(directory), 'package.json'));
  for (const candidate of [wanted, `haraka-plugin-${name}`]) {
    for (const root of require.resolve.paths(candidate) ?? []) {
      const folder = join(root, candidate);
      if (existsSync(join(folder, 'package.json'))) return packageAt(name, folder);
    }
  }
  throw new MailError(
    'E_PLUGIN_LOAD',
    `the package ${wanted} of a plugin of Haraka was not found from ${directory}`,
  );
}

function packageAt(name: string, path: string): PluginPlace {
  // Links are followed, as Node.js does for what is required.
  const folder = realpathSync(path);
  return { name, folder, file: createRequire(join(folder, 'package.json')).resolve(folder) };
}

/** Runs the plugin's main file; what it exports. `globals` are names that its files see. */
export function loadModules(
  { file, folder }: PluginPlace,
  globals: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = Object.keys(globals);
  const values = Object.values(globals);
  const loaded = new Map<string, { exports: unknown }>();
  const isOwn = (path: string) =>
    path.startsWith(`${folder}${sep}`) && !path.slice(folder.length).includes(`${sep}node_modules${sep}`);

  const load = (path: string): unknown => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} as unknown, id: path, filename: path, loaded: false };
    loaded.set(path, module);
    const node = createRequire(path);
    const require = Object.assign((id: string) => {
      const found = node.resolve(id);
      return isOwn(found) && found.endsWith('.js') ? load(found) : (node(id) as unknown);
    }, node);
    const parameters = ['exports', 'require', 'module', '__filename', '__dirname', ...names];
    const run = compileFunction(readFileSync(path, 'utf8').replace(/^#!.*/, ''), parameters, {
      filename: path,
    });
    run.call(module.exports, module.exports, require, module, path, dirname(path), ...values);
    return module.exports;
  };

  try {
    const exports = load(file);
    if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) {
      throw new Error('it exports nothing');
    }
    return exports as Record<string, unknown>;
  } catch (cause) {
    throw new MailError('E_PLUGIN_LOAD', `the plugin of Haraka at ${file} could not be loaded`, { cause });
  }
}
