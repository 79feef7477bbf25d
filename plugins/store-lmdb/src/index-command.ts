/** `postroad mailbox index`: brings the index of texts up to date now, as after an import of much mail. */
import { MailError, type PluginCommand, systemClock } from '@postroad/core';
import type { StoreLmdbConfig } from './config.js';
import { openStoreLmdb } from './open-store-lmdb.js';
import { indexTexts, textIndexState } from './text-index.js';

const progressEvery = 10_000;

/** The command. A running server may index at the same time: both only ever add what is true. */
export const indexCommand: PluginCommand<StoreLmdbConfig> = {
  name: 'mailbox index',
  description: 'Bring the index of texts up to date now, and say how far it is.',
  args: {},
  async run({ config, terminal }) {
    if (!config.hasTextIndex)
      throw new MailError('E_USAGE', 'the store keeps no index of texts (hasTextIndex)');
    const { engine, store } = openStoreLmdb(config, { nowMs: () => systemClock.now() });
    try {
      const { signal } = new AbortController();
      let told = textIndexState(engine).indexed;
      while ((await indexTexts(engine, signal)) > 0) {
        const { indexed, all } = textIndexState(engine);
        if (indexed < told + progressEvery) continue;
        told = indexed;
        terminal.print(`indexed: ${indexed} of ${all}`);
      }
      terminal.result([{ ...textIndexState(engine) }]);
    } finally {
      await store.close();
    }
  },
};
