/** Reads the words of a command line. */
import { parseArgs } from 'node:util';
import { didYouMean } from '../config/nearest.js';
import { MailError, messageOf } from '../errors.js';
import type { CommandArgument } from '../plugin/command.js';

/** A command line cut into the command's words and the rest. */
export interface CommandLine {
  /** The first words that are no options, two at most. */
  readonly words: readonly string[];
  /** Everything but `words`, given how many of them the command's name has. */
  rest(wordsUsed: number): readonly string[];
}

const optionsWithValue = new Set(['--config', '-c']);

/** Finds the command's words; `--config x` may stand before them. */
export function splitCommandLine(argv: readonly string[]): CommandLine {
  const at: number[] = [];
  for (let index = 0; index < argv.length && at.length < 2; index += 1) {
    const word = argv[index] ?? '';
    if (!word.startsWith('-')) at.push(index);
    else if (at.length > 0) break;
    else if (optionsWithValue.has(word)) index += 1;
  }
  return {
    words: at.map((index) => argv[index] ?? ''),
    rest: (wordsUsed) => argv.filter((_, index) => !at.slice(0, wordsUsed).includes(index)),
  };
}

/** Reads options and positional arguments; throws `E_USAGE` with what is wrong and what was perhaps meant. */
export function parseArguments(
  argv: readonly string[],
  known: Readonly<Record<string, CommandArgument>>,
): Readonly<Record<string, string | boolean | undefined>> {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  const places: string[] = [];
  for (const [name, argument] of Object.entries(known)) {
    if (argument.kind === 'positional') places.push(name);
    else options[name] = { type: argument.kind, ...shortOf(name) };
  }
  const { values, positionals } = parse(argv, options);
  const extra = positionals[places.length];
  if (extra !== undefined) throw new MailError('E_USAGE', `unexpected argument ${JSON.stringify(extra)}`);
  const args: Record<string, string | boolean | undefined> = {};
  for (const [name, argument] of Object.entries(known)) {
    const given = argument.kind === 'positional' ? positionals[places.indexOf(name)] : values[name];
    const value = given ?? argument.default;
    if (value === undefined && argument.isRequired === true) {
      throw new MailError('E_USAGE', `${shown(name, argument)} is missing: ${argument.description}`);
    }
    if (value !== undefined) args[name] = value as string | boolean;
  }
  return args;
}

function parse(
  argv: readonly string[],
  options: Record<string, { type: 'string' | 'boolean'; short?: string }>,
) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (cause) {
    const unknown = /Unknown option '(--?)([^']*)'/.exec(messageOf(cause));
    if (unknown === null) throw new MailError('E_USAGE', firstSentence(messageOf(cause)), { cause });
    const [, dashes, name = ''] = unknown;
    const near = didYouMean(name, Object.keys(options)).replace('mean ', 'mean --');
    throw new MailError('E_USAGE', `unknown option ${dashes}${name}${near}`, { cause });
  }
}

function shortOf(name: string): { readonly short?: string } {
  if (name === 'config') return { short: 'c' };
  return name === 'help' ? { short: 'h' } : {};
}

/** How an argument is written in help and messages. */
export function shown(name: string, argument: CommandArgument): string {
  if (argument.kind === 'positional') return argument.isRequired === true ? `<${name}>` : `[${name}]`;
  return argument.kind === 'boolean' ? `--${name}` : `--${name} <${name}>`;
}

function firstSentence(text: string): string {
  return (text.split(/\n|\. /)[0] ?? text).replace(/^./, (letter) => letter.toLowerCase());
}
