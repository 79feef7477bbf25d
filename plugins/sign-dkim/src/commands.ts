/** `postroad dkim create|rotate|list`: they make keys; a running server takes them up by itself. */
import {
  type CommandArgument,
  type CommandTerminal,
  domainKey,
  MailError,
  type PluginCommand,
  parseDomain,
  systemClock,
} from '@postroad/core';
import { createKey, type KeyAlgorithm, type KeyFacts, listKeys } from './key-files.js';
import { recordName, recordText, stateOf } from './key-record.js';
import type { SignDkimConfig } from './options.js';

const domain: CommandArgument = { kind: 'positional', description: 'the domain', isRequired: true };
const algorithms: readonly KeyAlgorithm[] = ['rsa', 'ed25519'];

/** The commands of the plugin. */
export const dkimCommands: readonly PluginCommand<SignDkimConfig>[] = [
  {
    name: 'dkim create',
    description: 'Make the first keys of a domain; they sign once their records are published.',
    args: {
      domain,
      selector: { kind: 'string', description: 'the selector, with -rsa and -ed25519 behind it' },
    },
    async run({ config, args, terminal }) {
      const name = domainOf(args.domain);
      const keys = (await listKeys(config.directory)).filter((key) => key.domain === name);
      if (keys.some((key) => stateOf(key) !== 'removed')) {
        throw new MailError('E_USAGE', `${name} has keys already: postroad dkim rotate makes new ones`);
      }
      show(terminal, await createPair(config, name, keys, args.selector));
    },
  },
  {
    name: 'dkim rotate',
    description: 'Make new keys; they take over once their records are published, and the old ones retire.',
    args: {
      domain,
      selector: { kind: 'string', description: 'the selector, with -rsa and -ed25519 behind it' },
    },
    async run({ config, args, terminal }) {
      const name = domainOf(args.domain);
      const keys = (await listKeys(config.directory)).filter((key) => key.domain === name);
      if (keys.length === 0)
        throw new MailError('E_NOT_FOUND', `${name} has no keys: postroad dkim create makes them`);
      if (keys.some((key) => stateOf(key) === 'waiting')) {
        throw new MailError('E_USAGE', `keys of ${name} still wait for their records: publish these first`);
      }
      show(terminal, await createPair(config, name, keys, args.selector));
    },
  },
  {
    name: 'dkim list',
    description: 'List the keys, what they do, and their records.',
    args: { domain: { ...domain, isRequired: false } },
    async run({ config, args, terminal }) {
      const name = args.domain === undefined ? undefined : domainOf(args.domain);
      const keys = await listKeys(config.directory);
      show(
        terminal,
        keys.filter((key) => name === undefined || key.domain === name),
      );
    },
  },
];

async function createPair(
  config: SignDkimConfig,
  name: string,
  keys: readonly KeyFacts[],
  selector: unknown,
): Promise<readonly KeyFacts[]> {
  const createdAtMs = systemClock.now();
  const base = selector === undefined ? freeSelector(keys, createdAtMs) : selectorOf(selector);
  if (keys.some((key) => key.selector.startsWith(`${base}-`))) {
    throw new MailError('E_USAGE', `the selector ${base} was used before`);
  }
  const made: KeyFacts[] = [];
  for (const algorithm of algorithms) {
    made.push(
      await createKey(config.directory, {
        domain: name,
        selector: `${base}-${algorithm}`,
        algorithm,
        createdAtMs,
      }),
    );
  }
  return made;
}

/** Today's date; with a number behind it when there was one already. */
function freeSelector(keys: readonly KeyFacts[], nowMs: number): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '');
  for (let count = 1; ; count++) {
    const name = count === 1 ? day : `${day}x${count}`;
    if (!keys.some((key) => key.selector.startsWith(`${name}-`))) return name;
  }
}

function selectorOf(text: unknown): string {
  const selector = String(text).toLowerCase();
  if (!/^[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?$/.test(selector)) {
    throw new MailError('E_USAGE', `${selector} can not be a selector`);
  }
  return selector;
}

function domainOf(text: unknown): string {
  const found = parseDomain(String(text));
  if (found === undefined || found.startsWith('[')) throw new MailError('E_USAGE', `${text} is no domain`);
  return domainKey(found);
}

/** Records are printed below the table: they must be there whole, to be copied. */
function show(terminal: CommandTerminal, keys: readonly KeyFacts[]): void {
  const rows = keys.map(rowOf);
  if (terminal.isJson) {
    terminal.result(rows);
    return;
  }
  terminal.result(rows.map(({ text: _text, ...row }) => row));
  for (const facts of keys) {
    const strings = (recordText(facts).match(/.{1,255}/g) ?? []).map((part) => `"${part}"`);
    if (stateOf(facts) !== 'removed') terminal.print(`${recordName(facts)}. TXT ${strings.join(' ')}`);
  }
}

function rowOf(facts: KeyFacts): Readonly<Record<string, unknown>> {
  return {
    domain: facts.domain,
    selector: facts.selector,
    algorithm: facts.algorithm,
    state: stateOf(facts),
    record: recordName(facts),
    text: recordText(facts),
  };
}
