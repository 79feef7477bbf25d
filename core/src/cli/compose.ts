/** What needs the whole core, and is therefore loaded only by the commands that use it. */
import { configJsonSchema } from '../config/json-schema.js';
import type { JsonSchema } from '../config/known-keys.js';
import { createMta } from '../mta.js';
import { createModuleLoader } from '../plugin/load.js';
import type { Explanation } from '../server/explain.js';
import { createLogger } from '../services/pino-logger.js';
import type { CliContext } from './command.js';

/** Loads the configuration and builds its composition without starting it. */
export async function explainConfig(
  context: CliContext,
): Promise<{ readonly explanation: Explanation; readonly file: string }> {
  const { options, file } = await context.loadConfig();
  return { explanation: createMta(options, { log: createLogger('silent') }).explain(), file };
}

/** The JSON Schema with the plugins that are named, or those of the configuration. */
export async function makeSchema(context: CliContext): Promise<JsonSchema> {
  const { plugins } = context.args;
  if (typeof plugins === 'string') {
    const loader = await createModuleLoader(context.directory);
    const uses = plugins.split(',').map((use) => use.trim());
    return configJsonSchema(
      await Promise.all(
        uses.map(async (use) => ({ use, definition: (await loader.plugin(use)).definition })),
      ),
    );
  }
  const config = await context.loadConfig();
  const named = new Map(
    config.plugins.flatMap(({ use, plugin }) =>
      use === undefined ? [] : [[use, plugin.definition] as const],
    ),
  );
  return configJsonSchema([...named].map(([use, definition]) => ({ use, definition })));
}
