/** `postroad dns DOMAIN`: what the running server wants published, and whether it is. */
import { MailError, type PluginCommand } from '@postroad/core';
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
      if (terminal.isJson) terminal.result(records.map((record) => ({ ...record })));
      // Not a table: a key must be there whole, to be copied.
      else for (const record of records) terminal.print(lineOf(record));
      const wrong = records.filter(({ state }) => state !== undefined && state !== 'ok').length;
      // For scripts, which look at the exit status.
      if (wrong > 0)
        throw new MailError('E_NOT_FOUND', `${wrong} of ${records.length} records are not in DNS`);
    },
  },
];

function lineOf({ name, type, value, note, state, found }: Partial<CheckedRecord>): string {
  const text = type === 'TXT' ? stringsOf(value ?? '') : value;
  const told = [note, found === undefined ? undefined : `found: ${found}`].filter((one) => one !== undefined);
  const line = `${name}. ${type} ${text}${told.length === 0 ? '' : `  ; ${told.join(', ')}`}`;
  return state === undefined ? line : `${state.padEnd(9)} ${line}`;
}

/** As zone files have them: strings of at most 255 octets (RFC 1035 section 3.3). */
function stringsOf(text: string): string {
  return (text.match(/.{1,255}/g) ?? []).map((part) => `"${part.replace(/["\\]/g, '\\$&')}"`).join(' ');
}
