/** Turns what a configuration says of plugins into plugins with configurations, loading those that are named. */
import { isMailError } from '../errors.js';
import type { PluginUse } from '../plugin/define.js';
import type { ModuleLoader } from '../plugin/load.js';
import { checkValue } from './check-value.js';
import type { ConfigIssue, KeyPath } from './issues.js';
import { didYouMean } from './nearest.js';
import { resolvePaths } from './relative-paths.js';
import { isPlainObject } from './substitute.js';

/** A plugin of a configuration; `use` is the name under which it was loaded. */
export interface ConfiguredPlugin {
  readonly use: string | undefined;
  readonly plugin: PluginUse;
}

/** What resolving needs, and where it leaves what is wrong. */
export interface ResolveContext {
  readonly loader: ModuleLoader;
  /** Relative paths in plugins' configurations start here. */
  readonly directory: string;
  readonly whole: ReadonlySet<string>;
  readonly issues: ConfigIssue[];
}

/** The plugins of one list in its order; those with something wrong are left out and are issues. */
export async function resolvePlugins(
  list: unknown,
  path: KeyPath,
  context: ResolveContext,
): Promise<readonly ConfiguredPlugin[]> {
  const entries: readonly unknown[] = Array.isArray(list) ? list : [];
  const resolved: ConfiguredPlugin[] = [];
  for (const [at, entry] of entries.entries()) {
    const found = await resolveEntry(entry, [...path, at], context);
    if (found !== undefined) resolved.push(found);
  }
  return resolved;
}

async function resolveEntry(
  entry: unknown,
  path: KeyPath,
  context: ResolveContext,
): Promise<ConfiguredPlugin | undefined> {
  if (isPluginUse(entry)) return checkUse(undefined, entry, path, context);
  const named = readNamed(entry);
  if (typeof named === 'string') {
    context.issues.push({ path, message: named });
    return undefined;
  }
  try {
    const plugin = await context.loader.plugin(named.use);
    return checkUse(named.use, { definition: plugin.definition, config: named.config }, path, context);
  } catch (error) {
    if (!isMailError(error)) throw error;
    context.issues.push({ path, message: error.message });
    return undefined;
  }
}

/** The name and the configuration, or what is wrong. */
function readNamed(entry: unknown): { readonly use: string; readonly config: unknown } | string {
  if (typeof entry === 'string' && entry !== '') return { use: entry, config: undefined };
  if (typeof entry === 'function')
    return 'this is a plugin without its configuration: call it, such as checkIt()';
  if (!isPlainObject(entry)) return 'expected a plugin, its package or path, or an object with the key use';
  const { use, ...config } = entry;
  if (typeof use === 'string' && use !== '') {
    return { use, config: Object.keys(config).length === 0 ? undefined : config };
  }
  const near = Object.keys(entry).find((key) => didYouMean(key, ['use']) !== '');
  return `the key use is missing, which names the plugin's package or path${near === undefined ? '' : ` (did you mean use instead of ${near}?)`}`;
}

/** A plugin's configuration is checked here already, so that all that is wrong is told at once and with its place. */
function checkUse(
  use: string | undefined,
  plugin: PluginUse,
  path: KeyPath,
  context: ResolveContext,
): ConfiguredPlugin | undefined {
  const { name, config: schema } = plugin.definition;
  if (schema === undefined) {
    if (plugin.config === undefined) return { use, plugin };
    context.issues.push({ path, plugin: name, message: 'this plugin takes no configuration' });
    return undefined;
  }
  const value = plugin.config === undefined ? {} : resolvePaths(plugin.config, context.directory);
  const checked = checkValue(schema, { value, path, whole: context.whole });
  if (checked.issues.length === 0)
    return { use, plugin: { definition: plugin.definition, config: checked.value } };
  context.issues.push(...checked.issues.map((issue) => ({ ...issue, plugin: name })));
  return undefined;
}

function isPluginUse(entry: unknown): entry is PluginUse {
  if (typeof entry !== 'object' || entry === null || !('definition' in entry)) return false;
  const { definition } = entry;
  return (
    typeof definition === 'object' && definition !== null && 'setup' in definition && 'name' in definition
  );
}
