/** `postroad check`, `explain` and `schema`: they read the configuration and start nothing. */
import { relative } from 'node:path';
import type { CliCommand } from '../command.js';
import { renderExplanation } from '../render-explanation.js';

/** Checks everything that can be known without opening a file or port of the server's. */
export const checkCommand: CliCommand = {
  name: 'check',
  description: 'Check the configuration and the composition without starting anything.',
  args: {},
  examples: ['postroad check', 'postroad check --config ./staging.yaml --json'],
  async run(context) {
    const { explainConfig } = await import('../compose.js');
    const { explanation, file } = await explainConfig(context);
    const { plugins, listeners } = explanation;
    context.terminal.whole({ isRight: true, file, plugins: plugins.length, listeners: listeners.length }, [
      `${relative(context.directory, file) || file} is right: ${count(plugins.length, 'plugin')}, ${count(listeners.length, 'listener')}.`,
    ]);
  },
};

/** Prints who does what in which order. */
export const explainCommand: CliCommand = {
  name: 'explain',
  description: 'Show plugins, services and hooks of the configuration in the order in which they run.',
  args: {},
  examples: ['postroad explain', 'postroad explain --json'],
  async run(context) {
    const { explainConfig } = await import('../compose.js');
    const { explanation } = await explainConfig(context);
    context.terminal.whole(explanation, renderExplanation(explanation, context.terminal.hasColour));
  },
};

/** Prints the JSON Schema of configuration files. */
export const schemaCommand: CliCommand = {
  name: 'schema',
  description: "Print the JSON Schema of configuration files, with the plugins' own options.",
  args: {
    plugins: {
      kind: 'positional',
      description: 'packages or paths by comma, instead of those that the configuration names',
    },
  },
  examples: [
    'postroad schema > postroad.schema.json',
    'postroad schema @postroad/auth-file,./check-list.ts > postroad.schema.json',
  ],
  async run(context) {
    const { makeSchema } = await import('../compose.js');
    const schema = await makeSchema(context);
    context.terminal.whole(schema, JSON.stringify(schema, undefined, 2).split('\n'));
  },
};

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
