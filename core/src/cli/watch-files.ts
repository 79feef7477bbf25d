/** Watching the configuration and the plugins beside it, for development. */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { LoadedConfig } from '../config/load-config.js';
import type { Logger } from '../services/logger.js';
import { systemClock } from '../services/system-clock.js';

/** Editors write a file in several steps. */
const settleMs = 150;
const sourcePattern = /\.(?:[cm]?[jt]s|json|ya?ml)$/;

/** Calls `onChange` after a source file changed in the directories of the configuration and of plugins named by path. */
export function watchFiles(
  config: LoadedConfig,
  onChange: () => Promise<void>,
  log: Logger,
): { close(): void } {
  const home = dirname(config.file);
  const paths = config.plugins
    .map(({ use }) => use?.replace(/#[^#/]*$/, ''))
    .filter((use) => use !== undefined);
  const plugins = paths.filter((use) => use.startsWith('.') || isAbsolute(use));
  const directories = new Set([home, ...plugins.map((use) => dirname(resolve(home, use)))]);
  let timer: { cancel(): void } | undefined;
  const changed = (name: string | null) => {
    if (name !== null && !sourcePattern.test(name)) return;
    timer?.cancel();
    timer = systemClock.after(settleMs, () => {
      onChange().catch((error: unknown) => log.error('reload failed', { error }));
    });
  };
  const watchers: FSWatcher[] = [...directories].map((directory) =>
    watch(directory, { persistent: false }, (_event, name) => changed(name)).on('error', (error) =>
      log.warn('watching failed; reload by hand', { directory, error }),
    ),
  );
  return {
    close() {
      timer?.cancel();
      for (const watcher of watchers) watcher.close();
    },
  };
}
