/** `postroad suppression list|add|remove`: they append to the file, and a running server sees it within seconds. */
import {
  addressKey,
  type CommandArgument,
  MailError,
  type PluginCommand,
  parseAddress,
  systemClock,
} from '@postroad/core';
import type { SuppressedAddress } from './entry.js';
import type { RouteSuppressConfig } from './options.js';
import { SuppressionList } from './suppression-list.js';

const address: CommandArgument = { kind: 'positional', description: 'the mail address', isRequired: true };

const day = 86_400_000;
const daysMax = 3_650;

/** The commands of the plugin. */
export const suppressionCommands: readonly PluginCommand<RouteSuppressConfig>[] = [
  {
    name: 'suppression list',
    description: 'List the addresses that are not sent to, the newest last.',
    args: {
      match: { kind: 'string', description: 'only addresses and reasons with this in them' },
      limit: { kind: 'string', description: 'at most so many, the newest; all by default' },
    },
    async run({ config, args, terminal }) {
      const limit = readNumber(args.limit, '--limit', Number.MAX_SAFE_INTEGER);
      const list = new SuppressionList({ ...config, clock: systemClock });
      await list.find('');
      const wanted = String(args.match ?? '').toLowerCase();
      const found = list
        .entries()
        .filter(({ address: key, reason }) => `${key} ${reason}`.toLowerCase().includes(wanted))
        .sort((one, other) => one.atMs - other.atMs);
      if (found.length === 0 && !terminal.isJson) {
        terminal.print(wanted === '' ? 'Nothing is suppressed.' : 'Nothing that is suppressed matches.');
        return;
      }
      terminal.result(found.slice(-(limit ?? found.length)).map((entry) => rowOf(entry, terminal.isJson)));
    },
  },
  {
    name: 'suppression add',
    description: 'Stop sending to an address.',
    args: {
      address,
      reason: { kind: 'string', description: 'why', default: 'by the operator' },
      days: { kind: 'string', description: 'for so long; as the plugin is configured by default' },
    },
    async run({ config, args, terminal }) {
      const days = readNumber(args.days, '--days', daysMax);
      const list = new SuppressionList({ ...config, clock: systemClock });
      const atMs = systemClock.now();
      const untilMs = atMs + (days === undefined ? config.addressMs : days * day);
      const entry = { address: keyOf(args.address), reason: String(args.reason), atMs, untilMs };
      await list.change(entry);
      if (terminal.isJson) terminal.result([rowOf(entry, true)]);
      else terminal.print(`Not sent to any more: ${entry.address}, until ${dayOf(untilMs)}.`);
    },
  },
  {
    name: 'suppression remove',
    description: 'Send to an address again.',
    args: { address },
    async run({ config, args, terminal }) {
      const list = new SuppressionList({ ...config, clock: systemClock });
      const key = keyOf(args.address);
      if ((await list.find(key)) === undefined)
        throw new MailError('E_NOT_FOUND', `${key} is not on the list`);
      await list.change({ address: key, isRemoved: true });
      if (terminal.isJson) terminal.result([{ address: key, removed: true }]);
      else terminal.print(`Sent to again: ${key}.`);
    },
  },
];

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Days for people, moments for programs. */
function rowOf({ address: key, atMs, untilMs, reason }: SuppressedAddress, isJson: boolean) {
  const shown = isJson ? (ms: number) => new Date(ms).toISOString() : dayOf;
  return { address: key, since: shown(atMs), until: shown(untilMs), reason };
}

function readNumber(text: string | boolean | undefined, name: string, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0 && number <= max) return number;
  throw new MailError(
    'E_USAGE',
    max === daysMax ? `${name} is a number from 1 to ${daysMax}` : `${name} is a number above 0`,
  );
}

function keyOf(text: unknown): string {
  const parsed = parseAddress(String(text));
  if (parsed === undefined) throw new MailError('E_USAGE', `${String(text)} is not a mail address`);
  return addressKey(parsed);
}
