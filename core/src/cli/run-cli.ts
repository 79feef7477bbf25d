/** The command `postroad`: finds the command, runs it, and tells failures in one line. */

import type { LoadedConfig } from '../config/load-config.js';
import { didYouMean } from '../config/nearest.js';
import { isMailError, MailError, messageOf } from '../errors.js';
import { type CliCommand, type CliContext, commonArguments } from './command.js';
import { checkCommand, explainCommand, schemaCommand } from './commands/check.js';
import { migrateCommand } from './commands/migrate.js';
import { queueCommands } from './commands/queue.js';
import { archiveCommands } from './commands/queue-archive.js';
import { queueCountCommands } from './commands/queue-count.js';
import { resolveCommands } from './commands/resolve.js';
import { reloadCommand, stopCommand } from './commands/server.js';
import { startCommand } from './commands/start.js';
import { suspendCommands } from './commands/suspend.js';
import { tryCommand } from './commands/try.js';
import { exitStatus, exitStatusOf } from './exit-status.js';
import { helpOfAll, helpOfCommand, helpOfGroup } from './help.js';
import { parseArguments, splitCommandLine } from './parse-arguments.js';
import { pluginCommands } from './plugin-commands.js';
import { type CliHost, createTerminal } from './terminal.js';

const coreCommands: readonly CliCommand[] = [
  startCommand,
  checkCommand,
  explainCommand,
  tryCommand,
  migrateCommand,
  ...queueCommands,
  ...queueCountCommands,
  ...archiveCommands,
  ...suspendCommands,
  ...resolveCommands,
  reloadCommand,
  stopCommand,
  schemaCommand,
];

/** Runs a command line; resolves with the exit status. Never rejects. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const isJson = argv.includes('--json');
  try {
    await run(argv, host, isJson);
    return exitStatus.done;
  } catch (error) {
    // Whoever read the output has seen enough, such as `head`.
    if (host.stdout.destroyed) return exitStatus.done;
    tellFailure(error, host, isJson);
    return exitStatusOf(error);
  }
}

async function run(argv: readonly string[], host: CliHost, isJson: boolean): Promise<void> {
  const terminal = createTerminal(host, isJson);
  const line = splitCommandLine(argv);
  const isHelp = argv.includes('--help') || argv.includes('-h');
  const config = configLoader(argv, host);
  const own = findCommand(coreCommands, line.words);
  if (own === undefined) {
    const done = await help(line.words, isHelp, config, (text) =>
      terminal.whole({ help: text }, text.split('\n')),
    );
    if (done) return;
  }
  const command = own ?? (await findPluginCommand(line.words, config));
  if (isHelp) {
    const text = helpOfCommand(command);
    terminal.whole({ help: text }, text.split('\n'));
    return;
  }
  const args = parse(command, line.rest(command.name.split(' ').length));
  const context: CliContext = {
    args,
    terminal,
    loadConfig: () => load(textOf(args.config), host),
    controlSocket: async () => {
      const { findControlSocket } = await import('../config/control-socket.js');
      return findControlSocket(textOf(args.config), host.directory, host.environment);
    },
    environment: host.environment,
    directory: host.directory,
  };
  await command.run(context);
  await terminal.flush();
}

/** Help that is not of one command; says whether it was given. */
async function help(
  words: readonly string[],
  isHelp: boolean,
  config: () => Promise<LoadedConfig>,
  print: (text: string) => void,
): Promise<boolean> {
  const [group, second] = words;
  const ofGroup = coreCommands.filter((command) => command.name.startsWith(`${group} `));
  if (group !== undefined && ofGroup.length > 0) {
    if (second === undefined || isHelp) print(helpOfGroup(group, ofGroup));
    return second === undefined || isHelp;
  }
  if (group !== undefined && group !== 'help') return false;
  const { plugins, note } = await commandsForHelp(config);
  print(helpOfAll(coreCommands, plugins, note));
  return true;
}

async function commandsForHelp(
  config: () => Promise<LoadedConfig>,
): Promise<{ readonly plugins: readonly CliCommand[]; readonly note?: string }> {
  try {
    return { plugins: commandsOf(await config()) };
  } catch (error) {
    // Help must always come; that no configuration is there, or a broken one, only makes it shorter.
    const reason = messageOf(error).split('\n')[0];
    return { plugins: [], note: `Plugins add commands, such as user; they are not known here: ${reason}` };
  }
}

function findCommand(commands: readonly CliCommand[], words: readonly string[]): CliCommand | undefined {
  const [first, second] = words;
  return (
    commands.find((command) => command.name === `${first} ${second}`) ??
    commands.find((command) => command.name === first)
  );
}

async function findPluginCommand(
  words: readonly string[],
  config: () => Promise<LoadedConfig>,
): Promise<CliCommand> {
  const name = words.join(' ');
  const known = coreCommands.map((command) => command.name);
  const ofGroup = known.filter((each) => each.startsWith(`${words[0]} `));
  if (ofGroup.length > 0)
    throw new MailError('E_USAGE', `there is no command ${name}${didYouMean(name, ofGroup)}`);
  const near = didYouMean(name, known) || didYouMean(words[0] ?? '', known);
  let commands: readonly CliCommand[];
  try {
    commands = commandsOf(await config());
  } catch (cause) {
    if (near !== '') throw new MailError('E_USAGE', `there is no command ${name}${near}`, { cause });
    throw cause;
  }
  const found = findCommand(commands, words);
  if (found !== undefined) return found;
  const all = [...known, ...commands.map((command) => command.name)];
  const group = commands.filter((command) => command.name.startsWith(`${words[0]} `));
  if (group.length > 0 && words.length < 2) {
    throw new MailError('E_USAGE', `say one of: ${group.map((command) => command.name).join(', ')}`);
  }
  throw new MailError(
    'E_USAGE',
    `there is no command ${name}${didYouMean(name, all) || near}; see postroad --help`,
  );
}

function commandsOf(config: LoadedConfig): readonly CliCommand[] {
  return pluginCommands(
    config,
    coreCommands.map((command) => command.name),
  );
}

function parse(command: CliCommand, rest: readonly string[]) {
  try {
    return parseArguments(rest, { ...command.args, ...commonArguments });
  } catch (error) {
    if (!isMailError(error, 'E_USAGE')) throw error;
    throw new MailError('E_USAGE', `${error.message}; see postroad ${command.name} --help`, { cause: error });
  }
}

/** For commands that are not known before the configuration is: `--config` is read by itself. */
function configLoader(argv: readonly string[], host: CliHost): () => Promise<LoadedConfig> {
  const at = argv.findIndex((word) => word === '--config' || word === '-c');
  const joined = argv.find((word) => word.startsWith('--config='))?.slice('--config='.length);
  const path = at === -1 ? joined : argv[at + 1];
  return () => load(path, host);
}

/** Loaded only when it is needed: schemas, parsers and the compiler take longer than most commands. */
async function load(path: string | undefined, host: CliHost): Promise<LoadedConfig> {
  const { loadConfig } = await import('../config/load-config.js');
  return loadConfig(path, host.directory, host.environment);
}

function tellFailure(error: unknown, host: CliHost, isJson: boolean): void {
  const { stderr, environment } = host;
  if (isJson) {
    const code = isMailError(error) ? error.code : 'E_BUG';
    const issues = isMailError(error) ? issuesOf(error) : undefined;
    stderr.write(
      `${JSON.stringify({ error: { code, message: messageOf(error), ...(issues === undefined ? {} : { issues }) } })}\n`,
    );
    return;
  }
  const hasColour = stderr.isTTY === true && !environment.NO_COLOR;
  const name = hasColour ? '\u001b[31mpostroad:\u001b[39m' : 'postroad:';
  stderr.write(`${name} ${messageOf(error)}\n`);
  if (!isMailError(error) && error instanceof Error) stderr.write(`This is a bug.\n${error.stack ?? ''}\n`);
}

function issuesOf(error: MailError): unknown {
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && 'issues' in cause ? cause.issues : undefined;
}

function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
