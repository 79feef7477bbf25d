/** Loads a configuration file: finds it, reads it, loads its plugins, checks all of it and tells all that is wrong. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MailError, messageOf } from '../errors.js';
import type { ListenerOptions, MtaOptions } from '../mta-options.js';
import { createModuleLoader, type ModuleLoader } from '../plugin/load.js';
import { checkValue } from './check-value.js';
import { type ConfigFile, findConfigFile } from './find-file.js';
import { type ConfigIssue, issuesError, type KeyPath } from './issues.js';
import { readDocument } from './read-document.js';
import { resolvePaths } from './relative-paths.js';
import { type ConfiguredPlugin, resolvePlugins } from './resolve-plugins.js';
import { configSchema } from './schema.js';
import { type Environment, isPlainObject, substituteEnvironment } from './substitute.js';

/** A configuration that is whole and right. */
export interface LoadedConfig {
  readonly options: MtaOptions;
  /** The file's absolute path. */
  readonly file: string;
  /** Every plugin of the server and its listeners. */
  readonly plugins: readonly ConfiguredPlugin[];
}

interface ConfigSource {
  readonly value: unknown;
  readonly issues: readonly ConfigIssue[];
  readonly whole: ReadonlySet<string>;
  lineOf(path: KeyPath): number | undefined;
}

/**
 * Loads `path`, or the `postroad.config.*` of `directory`. Code files are run, and their plugins too: load only what
 * you trust. Each call reads the files anew. Throws `E_CONFIG_FILE` when there is no readable file, `E_PLUGIN_LOAD`
 * when a code file fails, and `E_CONFIG` with everything else that is wrong.
 */
export async function loadConfig(
  path?: string,
  directory: string = process.cwd(),
  environment: Environment = process.env,
): Promise<LoadedConfig> {
  const found = await findConfigFile(path, directory);
  const home = dirname(found.file);
  const loader = await createModuleLoader(home);
  const source = await readSource(found, loader, environment);
  const issues = [...source.issues];
  const loaded = await checkSource(source, loader, home, issues);
  if (issues.length > 0 || loaded === undefined) {
    throw issuesError(found.file, directory, withLines(issues, source));
  }
  return { ...loaded, file: found.file };
}

async function readSource(
  { file, kind }: ConfigFile,
  loader: ModuleLoader,
  environment: Environment,
): Promise<ConfigSource> {
  if (kind === 'code') {
    return { value: await runConfig(file, loader), issues: [], whole: new Set(), lineOf: () => undefined };
  }
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MailError('E_CONFIG_FILE', `${file} can't be read: ${messageOf(cause)}`, { cause });
  });
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

async function checkSource(
  source: ConfigSource,
  loader: ModuleLoader,
  directory: string,
  issues: ConfigIssue[],
): Promise<Pick<LoadedConfig, 'options' | 'plugins'> | undefined> {
  if (!isPlainObject(source.value)) {
    issues.push({ path: [], message: 'the configuration is not an object' });
    return undefined;
  }
  const checked = checkValue(configSchema, { value: source.value, path: [], whole: source.whole });
  issues.push(...checked.issues);
  const {
    $schema: _schema,
    plugins: listed,
    listeners,
    ...rest
  } = checked.value as Readonly<Record<string, unknown>>;
  const context = { loader, directory, whole: source.whole, issues };
  const plugins = await resolvePlugins(listed, ['plugins'], context);
  const all = [...plugins];
  const resolvedListeners: unknown[] = [];
  for (const [at, listener] of (Array.isArray(listeners) ? listeners : []).entries()) {
    if (!isPlainObject(listener)) continue;
    const own = await resolvePlugins(listener.plugins, ['listeners', at, 'plugins'], context);
    all.push(...own);
    resolvedListeners.push({ ...listener, plugins: own.map((each) => each.plugin) });
  }
  const options = {
    ...(resolvePaths(rest, directory) as Omit<MtaOptions, 'plugins'>),
    plugins: plugins.map((each) => each.plugin),
    ...(listeners === undefined
      ? {}
      : { listeners: resolvedListeners as unknown as readonly ListenerOptions[] }),
  };
  return { options, plugins: all };
}

/** In the order of the file, where lines are known. */
function withLines(issues: readonly ConfigIssue[], source: ConfigSource): readonly ConfigIssue[] {
  const placed = issues.map((issue) => {
    const line = source.lineOf(issue.path);
    return line === undefined ? issue : { ...issue, line };
  });
  return placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
