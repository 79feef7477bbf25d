/** `postroad app-password add|list|remove`: they change the database, and what they change holds at once. */
import {
  applicationPasswordsMax,
  type CommandArgument,
  isApplicationName,
  type KeptLogin,
  MailError,
  newApplicationPassword,
  type PluginCommand,
  systemClock,
} from '@postroad/core';
import { createDatabase, type Database } from './database.js';
import { compileQueries, keptOf } from './directory.js';
import type { AuthSqlConfig } from './options.js';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const login: CommandArgument = { kind: 'positional', description: 'the login', isRequired: true };
const name: CommandArgument = {
  kind: 'positional',
  description: 'what it is called, such as "phone"',
  isRequired: true,
};

/** The commands. */
export const applicationPasswordCommands: readonly PluginCommand<AuthSqlConfig>[] = [
  {
    name: 'app-password add',
    description: 'Make a password for one program, and show it once.',
    args: {
      login,
      name,
      protocols: { kind: 'string', description: 'what it is for, such as imap,smtp; all by default' },
    },
    run: ({ config, args, terminal }) =>
      withAccount(config, String(args.login), async ({ database, kept, queries }) => {
        const called = String(args.name);
        if (!isApplicationName(called)) throw usage('a name has 1 to 64 characters, no control characters');
        if (kept.applicationPasswords.some((one) => one.name === called))
          throw usage(`${called} is there already`);
        if (kept.applicationPasswords.length >= applicationPasswordsMax)
          throw usage('the account has too many application passwords');
        if (queries.addAppPassword.text.trim() === '') throw usage('the query addAppPassword is empty');
        const { password, sha256 } = newApplicationPassword();
        const protocols = typeof args.protocols === 'string' ? args.protocols.toLowerCase() : null;
        const values = { id: kept.account.id, name: called, sha256, protocols };
        await database.run(queries.addAppPassword, values);
        terminal.result([{ name: called, password }]);
      }),
  },
  {
    name: 'app-password list',
    description: 'List the application passwords of an account, by name.',
    args: { login },
    run: ({ config, args, terminal }) =>
      withAccount(config, String(args.login), async ({ kept }) =>
        terminal.result(
          kept.applicationPasswords
            .map((one) => ({ name: one.name, protocols: one.protocols?.join(',') ?? 'all' }))
            .sort((a, b) => (a.name < b.name ? -1 : 1)),
        ),
      ),
  },
  {
    name: 'app-password remove',
    description: 'Remove an application password.',
    args: { login, name },
    run: ({ config, args, terminal }) =>
      withAccount(config, String(args.login), async ({ database, kept, queries }) => {
        const called = String(args.name);
        const values = { id: kept.account.id, name: called };
        if ((await database.run(queries.removeAppPassword, values)) === 0)
          throw new MailError('E_NOT_FOUND', `${kept.account.login} has no application password ${called}`);
        terminal.result([{ name: called, removed: true }]);
      }),
  },
];

interface Opened {
  readonly database: Database;
  readonly kept: KeptLogin;
  readonly queries: ReturnType<typeof compileQueries>;
}

async function withAccount(
  config: AuthSqlConfig,
  asked: string,
  work: (opened: Opened) => void | Promise<void>,
): Promise<void> {
  const database = createDatabase(config, { clock: systemClock, log: silent });
  const queries = compileQueries({ database, queries: config.queries });
  await database.open();
  try {
    const [row] = await database.rows(queries.login, { login: asked.toLowerCase() });
    if (row === undefined) throw new MailError('E_NOT_FOUND', `there is no account ${asked}`);
    await work({ database, kept: keptOf(row), queries });
  } finally {
    await database.close();
  }
}

function usage(text: string): MailError {
  return new MailError('E_USAGE', text);
}
