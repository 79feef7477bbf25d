/** `postroad migrate`: lets the plugins bring their tables to the form that this version knows. */
import { MailError } from '../../errors.js';
import { parsePluginConfig } from '../../plugin/parse-config.js';
import type { CliCommand } from '../command.js';

/** The command. */
export const migrateCommand: CliCommand = {
  name: 'migrate',
  description: 'Bring the tables of the plugins to the form that this version knows; safe while nodes run.',
  args: {
    check: { kind: 'boolean', description: 'only tell what would be done; fails when there is something' },
  },
  examples: ['postroad migrate', 'postroad migrate --check'],
  async run({ args, loadConfig, terminal }) {
    const isCheckOnly = args.check === true;
    const { plugins } = await loadConfig();
    const rows: { readonly plugin: string; readonly step: string }[] = [];
    for (const { plugin } of plugins) {
      const { name, migrate } = plugin.definition;
      if (migrate === undefined) continue;
      const steps = await migrate({
        config: parsePluginConfig(plugin),
        isCheckOnly,
        report: (line) => terminal.print(line),
      });
      rows.push(...steps.map((step) => ({ plugin: name, step })));
    }
    terminal.result(rows);
    if (isCheckOnly && rows.length > 0) throw new MailError('E_START', 'the tables are not up to date');
  },
};
