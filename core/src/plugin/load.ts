/**
 * Loads plugins and configuration modules by package name or path. The one importer of jiti, which compiles TypeScript
 * in memory: no build step. Files named by a path, and the TypeScript they import, are read afresh by each loader, so
 * that a reload sees them changed. JavaScript that they import, and installed packages, are Node's and stay as they were
 * first loaded until the process ends.
 */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Jiti } from 'jiti';
import { MailError } from '../errors.js';
import { coreVersion } from '../version.js';
import { isPlugin, type Plugin } from './define.js';
import { describeLoadFailure } from './load-failure.js';
import { isInRange } from './version-range.js';

const coreName = '@postroad/core';

/** What a module exports. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/** Loads on behalf of one directory: paths and packages are looked up from there. It runs each file once. */
export interface ModuleLoader {
  /** Runs a TypeScript or JavaScript file and gives its exports. Throws `E_PLUGIN_LOAD` with file, line and reason. */
  module(file: string): Promise<ModuleExports>;
  /**
   * The plugin that `specifier` names: a package (`@postroad/auth-file`) or a path (`./check-greylist.ts`), then
   * `#name` when the module exports several. Throws `E_PLUGIN_LOAD`, or `E_PLUGIN_INVALID` when what was loaded is no
   * plugin or is made for another version of the core.
   */
  plugin(specifier: string): Promise<Plugin>;
}

/** A loader for what is named in `directory`. Loading runs the code that is loaded: name only what you trust. */
export async function createModuleLoader(directory: string): Promise<ModuleLoader> {
  // Every `import '@postroad/core'` in compiled code gets this very core, wherever the file lies.
  const core: ModuleExports = await import('../index.js');
  // A server that is composed in code loads nothing by name, and starts without the compiler.
  const { createJiti } = await import('jiti');
  const jiti = createJiti(pathToFileURL(join(directory, '/')).href, {
    interopDefault: false,
    moduleCache: false,
    // The cache would lie in a directory that other users of the machine may write to, and it is code.
    fsCache: false,
    virtualModules: { [coreName]: core },
  });
  const place: LoadPlace = { core, directory, jiti, cache: {} };
  return {
    module: (file) => loadFile(place, file),
    async plugin(specifier) {
      const { target, exportName } = splitSpecifier(specifier);
      const exports = await loadTarget(target, place);
      const plugin = choosePlugin(specifier, exports, exportName);
      checkCoreRange(specifier, plugin);
      return plugin;
    },
  };
}

interface LoadPlace {
  readonly core: ModuleExports;
  readonly directory: string;
  readonly jiti: Jiti;
  /** What this loader has run: a file is run once, however many name or import it. */
  readonly cache: Jiti['cache'];
}

function loadTarget(target: string, place: LoadPlace): ModuleExports | Promise<ModuleExports> {
  // The core has a few plugins of its own, such as the engines in memory.
  if (target === coreName) return place.core;
  if (isPath(target)) return loadFile(place, resolve(place.directory, target));
  return loadPackage(place.jiti, target, place.directory);
}

async function loadFile({ jiti, cache }: LoadPlace, file: string): Promise<ModuleExports> {
  const known = cache[file];
  if (known?.loaded === true) return asExports(known.exports);
  let source = '';
  try {
    source = await readFile(file, 'utf8');
    // JavaScript is compiled too: Node would keep the first version of it, and find another core or none.
    const options = { filename: file, id: file, forceTranspile: true, async: true, cache };
    return asExports(await jiti.evalModule(source, options));
  } catch (cause) {
    throw new MailError('E_PLUGIN_LOAD', describeLoadFailure(file, source, cause), { cause });
  }
}

async function loadPackage(jiti: Jiti, name: string, directory: string): Promise<ModuleExports> {
  // A configuration may use the plugins that are installed beside it, or those beside the core.
  const found =
    jiti.esmResolve(name, { try: true }) ?? jiti.esmResolve(name, { try: true, parentURL: import.meta.url });
  if (found === undefined) {
    throw new MailError(
      'E_PLUGIN_LOAD',
      `package ${name} was not found from ${directory}: install it there, or write a path that begins with ./`,
    );
  }
  const file = found.startsWith('file:') ? fileURLToPath(found) : found;
  try {
    return asExports(await jiti.import(file));
  } catch (cause) {
    throw new MailError('E_PLUGIN_LOAD', `package ${name}: ${describeLoadFailure(file, '', cause)}`, {
      cause,
    });
  }
}

function asExports(loaded: unknown): ModuleExports {
  if (typeof loaded === 'object' && loaded !== null) return loaded as ModuleExports;
  // A CommonJS module whose `module.exports` is the thing itself.
  return { default: loaded };
}

/** Takes the name behind the last `#` apart, when there is one. */
function splitSpecifier(specifier: string): {
  readonly target: string;
  readonly exportName: string | undefined;
} {
  const match = /^(.+)#([\p{L}_$][\p{L}\p{N}_$]*)$/u.exec(specifier);
  return { target: match?.[1] ?? specifier, exportName: match?.[2] };
}

function isPath(target: string): boolean {
  return target === '.' || target.startsWith('./') || target.startsWith('../') || isAbsolute(target);
}

/** The export that was named, else the default one, else the only one that is a plugin. */
function choosePlugin(specifier: string, exports: ModuleExports, exportName: string | undefined): Plugin {
  const names = Object.keys(exports).filter((name) => isPlugin(exports[name]));
  if (exportName !== undefined) {
    const chosen = exports[exportName];
    if (isPlugin(chosen)) return chosen;
    const others = names.length === 0 ? 'it exports no plugin' : `its plugins are ${names.join(', ')}`;
    throw new MailError('E_PLUGIN_INVALID', `${specifier}: there is no plugin of that name; ${others}`);
  }
  if (isPlugin(exports.default)) return exports.default;
  const only = names.length === 1 ? exports[names[0] ?? ''] : undefined;
  if (isPlugin(only)) return only;
  const exported = Object.keys(exports).join(', ') || 'nothing';
  throw new MailError(
    'E_PLUGIN_INVALID',
    names.length === 0
      ? `${specifier}: no export is a plugin made by definePlugin (it exports ${exported})`
      : `${specifier}: it exports several plugins; write ${names.map((name) => `${specifier}#${name}`).join(' or ')}`,
  );
}

function checkCoreRange(specifier: string, plugin: Plugin): void {
  const range = plugin.definition.core;
  if (range === undefined) return;
  const isFit = isInRange(coreVersion, range);
  if (isFit === true) return;
  const { name } = plugin.definition;
  throw new MailError(
    'E_PLUGIN_INVALID',
    isFit === undefined
      ? `${specifier}: plugin ${name} declares core ${JSON.stringify(range)}, which is no range of versions`
      : `${specifier}: plugin ${name} is made for core ${range}; this is ${coreVersion}`,
  );
}
