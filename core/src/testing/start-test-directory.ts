/** The directory of a plugin, or of several in their order, in a server that has nothing else. */
import { definePlugin, type PluginUse } from '../plugin/define.js';
import { Directory } from '../services/directory.js';
import { startTestMta, type TestMta } from './start-test-mta.js';

/** A directory in its server. */
export interface TestDirectory {
  readonly directory: Directory;
  readonly mta: TestMta;
  /** Stops the server. */
  close(): Promise<void>;
}

/** Starts it; rejects as the server does when a plugin can't be set up or started. */
export async function startTestDirectory(...plugins: readonly PluginUse[]): Promise<TestDirectory> {
  let directory: Directory | undefined;
  const probe = definePlugin({
    name: 'probe',
    needs: { directory: Directory },
    setup({ services }) {
      directory = services.directory;
    },
  });
  const mta = await startTestMta({ listeners: [], plugins: [...plugins, probe()] });
  if (directory === undefined) throw new Error('there is no directory');
  return { directory, mta, close: () => mta.stop() };
}
