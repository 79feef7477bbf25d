/** The commands that the configured plugins bring, such as `postroad user add`. */
import type { LoadedConfig } from '../config/load-config.js';
import type { ConfiguredPlugin } from '../config/resolve-plugins.js';
import { MailError } from '../errors.js';
import type { PluginCommand } from '../plugin/command.js';
import { parsePluginConfig } from '../plugin/parse-config.js';
import type { CliCommand } from './command.js';
import { withServer } from './reach-server.js';

/** All commands of a configuration's plugins; throws `E_CONFIG` when two plugins have the same. */
export function pluginCommands(config: LoadedConfig, taken: readonly string[]): readonly CliCommand[] {
  const commands = new Map<string, { readonly plugin: string; readonly command: CliCommand }>();
  const seen = new Set<string>();
  for (const configured of config.plugins) {
    const { name, commands: own = [] } = configured.plugin.definition;
    // The same plugin may stand in several listeners; its commands are for the first.
    if (seen.has(name)) continue;
    seen.add(name);
    for (const command of own) {
      const other = taken.includes(command.name) ? 'the core' : commands.get(command.name)?.plugin;
      if (other !== undefined) {
        throw new MailError(
          'E_CONFIG',
          `plugin ${name} has the command "${command.name}", which ${other} has too`,
        );
      }
      commands.set(command.name, {
        plugin: name,
        command: adapt(configured, command as PluginCommand<unknown>),
      });
    }
  }
  return [...commands.values()].map(({ command }) => command);
}

function adapt(configured: ConfiguredPlugin, command: PluginCommand<unknown>): CliCommand {
  const { name, description, args } = command;
  return {
    name,
    description,
    args,
    examples: [],
    run: (context) =>
      command.run({
        config: parsePluginConfig(configured.plugin),
        args: context.args,
        terminal: context.terminal,
        call: (asked, given) =>
          withServer(context, (client) => {
            const plugin = configured.plugin.definition.name;
            return client.call('plugin', { plugin, command: asked, given });
          }),
      }),
  };
}
