/** The help texts. */
import type { CommandArgument } from '../plugin/command.js';
import { coreVersion } from '../version.js';
import { commonArguments } from './command.js';
import { shown } from './parse-arguments.js';

/** A command as help shows it. */
export interface HelpCommand {
  readonly name: string;
  readonly description: string;
  readonly args: Readonly<Record<string, CommandArgument>>;
  readonly examples: readonly string[];
}

/** The list of all commands. `note` tells why those of plugins are not among them. */
export function helpOfAll(
  commands: readonly HelpCommand[],
  plugins: readonly HelpCommand[],
  note?: string,
): string {
  const width = Math.max(...[...commands, ...plugins].map((command) => command.name.length));
  const list = (some: readonly HelpCommand[]) =>
    some.map((command) => `  ${command.name.padEnd(width)}  ${command.description}`);
  return [
    `postroad ${coreVersion}: run and look after a Postroad mail server`,
    '',
    'Usage: postroad <command> [options]',
    '',
    'Commands:',
    ...list(commands),
    '',
    ...(plugins.length === 0 ? [] : ['Commands of the configured plugins:', ...list(plugins), '']),
    ...(note === undefined ? [] : [note, '']),
    'Every command:',
    ...describeArguments(commonArguments),
    '',
    'Examples:',
    '  postroad check',
    '  postroad start --config ./postroad.config.ts',
    '  postroad queue list --domain example.org',
    '  postroad queue --help',
  ].join('\n');
}

/** One command, or a group of them such as `queue`. */
export function helpOfCommand(command: HelpCommand): string {
  const positional = Object.entries(command.args).filter(([, argument]) => argument.kind === 'positional');
  const places = positional.map(([name, argument]) => ` ${shown(name, argument)}`).join('');
  return [
    command.description,
    '',
    `Usage: postroad ${command.name}${places} [options]`,
    '',
    ...(Object.keys(command.args).length === 0 ? [] : ['Arguments:', ...describeArguments(command.args), '']),
    'Every command:',
    ...describeArguments(commonArguments),
    ...(command.examples.length === 0 ? [] : ['', 'Examples:']),
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n');
}

/** The commands that begin with the same word. */
export function helpOfGroup(group: string, commands: readonly HelpCommand[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    `Usage: postroad ${group} <command> [options]`,
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.description}`),
    '',
    `Say postroad ${commands[0]?.name ?? group} --help for what a command takes.`,
  ].join('\n');
}

function describeArguments(args: Readonly<Record<string, CommandArgument>>): readonly string[] {
  const rows = Object.entries(args).map(([name, argument]) => ({
    written: shown(name, argument),
    text:
      argument.default === undefined ? argument.description : `${argument.description} (${argument.default})`,
  }));
  const width = Math.max(...rows.map((row) => row.written.length));
  return rows.map((row) => `  ${row.written.padEnd(width)}  ${row.text}`);
}
