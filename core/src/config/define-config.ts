/** What a configuration file says: `MtaOptions` in which plugins may also be named by package or path. */
import type { ListenerOptions, MtaOptions } from '../mta-options.js';
import type { PluginUse } from '../plugin/define.js';

/** A plugin by package name or path, with its configuration in the other keys. */
export interface NamedPlugin {
  /** `@postroad/auth-file`, `./check-greylist.ts`; with `#name` when the module exports several plugins. */
  readonly use: string;
  readonly [option: string]: unknown;
}

/** A plugin in a configuration file: called (`authFile({ file })`), named with options, or only named. */
export type ConfigPlugin = PluginUse | NamedPlugin | string;

/** A listener in a configuration file. */
export interface ConfigListener extends Omit<ListenerOptions, 'plugins'> {
  readonly plugins?: readonly ConfigPlugin[];
}

/** A whole configuration file. */
export interface ConfigOptions extends Omit<MtaOptions, 'plugins' | 'listeners'> {
  readonly plugins: readonly ConfigPlugin[];
  readonly listeners?: readonly ConfigListener[];
}

/** The options, or a function that gives them each time the file is loaded. */
export type Config = ConfigOptions | (() => ConfigOptions | Promise<ConfigOptions>);

/** Writes a `postroad.config.ts` with its types checked; returns what it is given. */
export function defineConfig(config: Config): Config {
  return config;
}
