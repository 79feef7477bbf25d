/** `postroad dns DOMAIN`: what the running server wants published, and whether it is. */
import type { PluginCommand } from '@postroad/core';
import type { CheckedRecord } from './check-records.js';
import type { AccessAutoconfigConfig } from './options.js';

/** The commands of the plugin. */
export const dnsCommands: readonly PluginCommand<AccessAutoconfigConfig>[] = [
  {
    name: 'dns',
    description: 'Print every DNS record that a domain needs, or compare them with what DNS says.',
    args: {
      domain: { kind: 'positional', description: 'the domain', isRequired: true },
      check: { kind: 'boolean', description: 'compare with what DNS says' },
    },
    async run({ args, call, terminal }) {
      const given = { domain: String(args.domain), isChecked: args.check === true };
      const records = (await call('records', given)) as readonly CheckedRecord[];
      terminal.result(
        records.map(({ name, type, value, note, state, found }) => ({
          ...(state === undefined ? {} : { state }),
          name,
          type,
          value,
          note: note ?? '',
          ...(state === undefined ? {} : { found: found ?? '' }),
        })),
      );
    },
  },
];
