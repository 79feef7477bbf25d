/** `postroad dmarc summary`: what the reports of others say about mail from our domains. */
import { join } from 'node:path';
import { MailError, type PluginCommand, systemClock } from '@postroad/core';
import type { ObserveDmarcConfig } from './options.js';
import { summarize } from './received-reports.js';

/** The commands of the plugin. */
export const dmarcCommands: readonly PluginCommand<ObserveDmarcConfig>[] = [
  {
    name: 'dmarc summary',
    description: 'Sum up the DMARC reports that came: who sends mail from our domains, and what passes.',
    args: {
      domain: { kind: 'positional', description: 'only this domain' },
      days: { kind: 'string', description: 'how far back', default: '30' },
    },
    async run({ config, args, terminal }) {
      const days = Number(args.days);
      if (!(days > 0)) throw new MailError('E_USAGE', 'days is a number above 0');
      const domain = args.domain === undefined ? undefined : String(args.domain).toLowerCase();
      const rows = await summarize(
        join(config.directory, 'received'),
        systemClock.now() - days * 86_400_000,
        domain,
      );
      terminal.result(rows.map((row) => ({ ...row })));
    },
  },
];
