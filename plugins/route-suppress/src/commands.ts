/** `postroad suppression list|add|remove`: they append to the file, and a running server sees it within seconds. */
import {
  addressKey,
  type CommandArgument,
  MailError,
  type PluginCommand,
  parseAddress,
  systemClock,
} from '@postroad/core';
import type { RouteSuppressConfig } from './options.js';
import { SuppressionList } from './suppression-list.js';

const address: CommandArgument = { kind: 'positional', description: 'the mail address', isRequired: true };

/** The commands of the plugin. */
export const suppressionCommands: readonly PluginCommand<RouteSuppressConfig>[] = [
  {
    name: 'suppression list',
    description: 'List the addresses that are not sent to.',
    args: {},
    async run({ config, terminal }) {
      const list = new SuppressionList({ ...config, clock: systemClock });
      await list.find('');
      const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
      terminal.result(
        list.entries().map((entry) => ({
          address: entry.address,
          since: day(entry.atMs),
          until: day(entry.untilMs),
          reason: entry.reason,
        })),
      );
    },
  },
  {
    name: 'suppression add',
    description: 'Stop sending to an address.',
    args: { address, reason: { kind: 'string', description: 'why', default: 'by the operator' } },
    async run({ config, args }) {
      const list = new SuppressionList({ ...config, clock: systemClock });
      const atMs = systemClock.now();
      const untilMs = atMs + config.addressMs;
      await list.change({ address: keyOf(args.address), reason: String(args.reason), atMs, untilMs });
    },
  },
  {
    name: 'suppression remove',
    description: 'Send to an address again.',
    args: { address },
    async run({ config, args }) {
      const list = new SuppressionList({ ...config, clock: systemClock });
      const key = keyOf(args.address);
      if ((await list.find(key)) === undefined)
        throw new MailError('E_NOT_FOUND', `${key} is not on the list`);
      await list.change({ address: key, isRemoved: true });
    },
  },
];

function keyOf(text: unknown): string {
  const parsed = parseAddress(String(text));
  if (parsed === undefined) throw new MailError('E_USAGE', `${String(text)} is not a mail address`);
  return addressKey(parsed);
}
