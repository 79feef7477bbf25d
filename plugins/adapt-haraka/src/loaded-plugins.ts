/** The plugins of a configuration, loaded and registered. */
import { dirname } from 'node:path';
import type { Clock, Logger } from '@postroad/core';
import { MailError } from '@postroad/core';
import { codes } from './codes.js';
import type { AdaptHarakaConfig } from './config.js';
import type { HarakaServer } from './connection.js';
import { type HarakaPackages, loadPackages } from './haraka-packages.js';
import { findPlugin, loadModules } from './load-plugin.js';
import { logMethods } from './log-methods.js';
import { createPlugin, type HarakaPlugin, HookRegistry, registerPlugin } from './plugin-object.js';
import type { RunOptions } from './run-hooks.js';

/** What was loaded. */
export interface LoadedPlugins {
  readonly packages: HarakaPackages;
  readonly server: HarakaServer;
  readonly run: RunOptions;
  readonly plugins: readonly HarakaPlugin[];
}

/** Loads them all; throws `E_PLUGIN_LOAD` when one can't be. */
export async function loadPlugins(
  config: AdaptHarakaConfig,
  clock: Clock,
  log: Logger,
): Promise<LoadedPlugins> {
  const packages = await loadPackages();
  const registry = new HookRegistry();
  const server: HarakaServer = {
    notes: new packages.Notes(),
    cfg: { main: {} },
    address: () => ({ address: '127.0.0.1', port: 25 }),
  };
  const load = (wanted: string): HarakaPlugin => {
    if (wanted === 'queue/discard') return discardPlugin(registry, packages, config, log, load);
    const place = findPlugin(wanted, config.directory);
    const exports = loadModules(place, { ...codes, server });
    return createPlugin({
      name: place.name,
      exports,
      // A package brings defaults in its `config`, or stands beside it; the directory's own files come first.
      config: packages.config.module_config(place.folder, config.directory),
      registry,
      log,
      timeoutMs: config.timeoutMs,
      parent: load,
      requireHaraka: (name) => requireHaraka(name, packages, log),
    });
  };
  const plugins: HarakaPlugin[] = [];
  for (const wanted of config.plugins) {
    const plugin = load(wanted);
    try {
      registerPlugin(plugin);
    } catch (cause) {
      throw new MailError('E_PLUGIN_LOAD', `the plugin ${plugin.name} of Haraka failed in its register`, {
        cause,
      });
    }
    plugins.push(plugin);
  }
  const { timeoutMs, onError } = config;
  return { packages, server, plugins, run: { registry, clock, log, timeoutMs, onError } };
}

/** Ends the watching of configuration files, which all generations share. */
export function stopWatching({ packages, plugins }: LoadedPlugins, directory: string): void {
  for (const config of [
    packages.config.module_config(directory),
    ...plugins.map((plugin) => plugin.config),
  ]) {
    config.stop_watching('plugins');
  }
}

/** What stands in Haraka's own tree and plugins inherit from: a message that is marked is dropped. */
function discardPlugin(
  registry: HookRegistry,
  packages: HarakaPackages,
  { timeoutMs }: AdaptHarakaConfig,
  log: Logger,
  parent: (name: string) => HarakaPlugin,
): HarakaPlugin {
  type Noted = { readonly transaction: { readonly notes: { readonly discard?: unknown } } | null };
  const drop = (next: (code?: number) => void, { transaction }: Noted) =>
    transaction?.notes.discard ? next(codes.OK) : next();
  return createPlugin({
    name: 'queue/discard',
    exports: { hook_queue: drop, hook_queue_outbound: drop },
    config: packages.config.module_config(dirname(new URL(import.meta.url).pathname)),
    registry,
    log,
    timeoutMs,
    parent,
    requireHaraka: (name) => requireHaraka(name, packages, log),
  });
}

/** Modules of Haraka itself, as far as there are such here. */
function requireHaraka(name: string, packages: HarakaPackages, log: Logger): unknown {
  switch (name.replace(/^\.\//, '')) {
    case 'config':
      return packages.config;
    case 'logger':
      return logMethods(log, () => ({}));
    default:
      throw new MailError('E_PLUGIN_LOAD', `Haraka's module ${name} is not carried`);
  }
}
