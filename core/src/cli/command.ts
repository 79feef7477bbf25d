/** A command of the core's own, and what it gets. */
import type { ControlPlace } from '../config/control-socket.js';
import type { LoadedConfig } from '../config/load-config.js';
import type { CommandArgument } from '../plugin/command.js';
import type { CliTerminal } from './terminal.js';

/** What a running command gets. */
export interface CliContext {
  readonly args: Readonly<Record<string, string | boolean | undefined>>;
  readonly terminal: CliTerminal;
  /** Loads the configuration that `--config` names, or the one of the directory. */
  readonly loadConfig: () => Promise<LoadedConfig>;
  /** Only reads where the control socket is, so that a broken or slow plugin does not keep the running server from us. */
  readonly controlSocket: () => Promise<ControlPlace>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
}

/** A command. */
export interface CliCommand {
  /** One or two words. */
  readonly name: string;
  readonly description: string;
  readonly args: Readonly<Record<string, CommandArgument>>;
  readonly examples: readonly string[];
  run(context: CliContext): Promise<void>;
}

/** Options that every command has. */
export const commonArguments: Readonly<Record<string, CommandArgument>> = {
  config: { kind: 'string', description: 'the configuration file, or the directory it is in' },
  json: { kind: 'boolean', description: 'JSON, one object a line' },
  help: { kind: 'boolean', description: 'what the command does and takes' },
};
