/** Commands that a plugin adds to the `postroad` command line. */

/** An argument or flag of a command. */
export interface CommandArgument {
  /** `positional` arguments come in the order they are declared. */
  readonly kind: 'positional' | 'string' | 'boolean';
  readonly description: string;
  readonly isRequired?: boolean;
  readonly default?: string | boolean;
}

/** What a command writes to and asks from. */
export interface CommandTerminal {
  /** Whether the user wants JSON. */
  readonly isJson: boolean;
  /** Whether somebody sits in front of it: then colours and questions are in order. */
  readonly isInteractive: boolean;
  /** A line of plain output. */
  print(line: string): void;
  /** The command's result: a table for people, JSON for programs. */
  result(rows: readonly Readonly<Record<string, unknown>>[]): void;
  /** Reads a secret without showing it; from standard input when nobody sits there. */
  askSecret(question: string): Promise<string>;
}

/** What a running command gets. */
export interface CommandContext<Config> {
  /** The plugin's checked configuration from the configuration file. */
  readonly config: Config;
  readonly args: Readonly<Record<string, string | boolean | undefined>>;
  readonly terminal: CommandTerminal;
  /**
   * Asks the plugin in the running server, which answers with what it gave to `control`. Rejects with the server's
   * error, or with `E_CONTROL` when there is none.
   */
  call(command: string, given: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** A command such as `postroad user add`. Throw `MailError` with `E_USAGE` or `E_NOT_FOUND` to fail with a clear line. */
export interface PluginCommand<Config> {
  /** One or two words: `user add`. */
  readonly name: string;
  readonly description: string;
  readonly args: Readonly<Record<string, CommandArgument>>;
  run(context: CommandContext<Config>): Promise<void>;
}
