/** Loads a configuration file: finds it, reads it, loads its plugins, checks all of it and tells all that is wrong. */
import { dirname } from 'node:path';
import type { ListenerOptions, MtaOptions } from '../mta-options.js';
import { createModuleLoader, type ModuleLoader } from '../plugin/load.js';
import { checkValue } from './check-value.js';
import { findConfigFile } from './find-file.js';
import { type ConfigIssue, issuesError } from './issues.js';
import { type ConfigSource, readSource } from './read-source.js';
import { resolvePaths } from './relative-paths.js';
import { type ConfiguredPlugin, resolvePlugins } from './resolve-plugins.js';
import { configSchema } from './schema.js';
import { type Environment, isPlainObject } from './substitute.js';

/** A configuration that is whole and right. */
export interface LoadedConfig {
  readonly options: MtaOptions;
  /** The file's absolute path. */
  readonly file: string;
  /** Every plugin of the server and its listeners. */
  readonly plugins: readonly ConfiguredPlugin[];
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
  const source = await readSource(found, async () => loader, environment);
  const issues = [...source.issues];
  const loaded = await checkSource(source, loader, home, issues);
  if (issues.length > 0 || loaded === undefined) {
    throw issuesError(found.file, directory, withLines(issues, source));
  }
  return { ...loaded, file: found.file };
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
