/** `postroad user` and `postroad app-password`: the commands of a plugin that keeps accounts itself. */
import { MailError } from '../errors.js';
import { formatAddress } from '../values/address.js';
import type { Account } from '../values/identity.js';
import type { AccountEditor } from './account-editor.js';
import type { CommandArgument, CommandTerminal, PluginCommand } from './command.js';

/** What keeps the accounts, opened for one command. */
export interface OpenAccounts extends AccountEditor {
  close?(): Promise<void>;
}

/** What keeps application passwords and nothing else that can be changed here, opened for one command. */
export interface OpenApplicationPasswords
  extends Pick<
    AccountEditor,
    'addApplicationPassword' | 'removeApplicationPassword' | 'applicationPasswords'
  > {
  close?(): Promise<void>;
}

interface AccountCommand<Accounts = OpenAccounts>
  extends Pick<PluginCommand<never>, 'name' | 'description' | 'args'> {
  run(
    accounts: Accounts,
    args: Readonly<Record<string, string | boolean | undefined>>,
    terminal: CommandTerminal,
  ): Promise<void>;
}

const login: CommandArgument = {
  kind: 'positional',
  description: 'the name to log in with',
  isRequired: true,
};

const applicationName: CommandArgument = {
  kind: 'positional',
  description: 'what to call it, such as phone',
  isRequired: true,
};

/** Passwords for single programs. */
const passwordCommands: readonly AccountCommand<OpenApplicationPasswords>[] = [
  {
    name: 'app-password add',
    description: 'Make a password for one program; it is shown once.',
    args: {
      login,
      name: applicationName,
      protocols: { kind: 'string', description: 'what it is for, such as imap,smtp; all by default' },
    },
    async run(accounts, args, terminal) {
      const name = textOf(args.name) ?? '';
      const given = [textOf(args.login) ?? '', name, listOf(args.protocols)] as const;
      const password = await accounts.addApplicationPassword(...given);
      if (terminal.isJson) terminal.result([{ name, password }]);
      else terminal.print(password);
    },
  },
  {
    name: 'app-password list',
    description: 'List the application passwords of an account, by name.',
    args: { login },
    async run(accounts, args, terminal) {
      const known = await accounts.applicationPasswords(textOf(args.login) ?? '');
      if (known.length === 0 && !terminal.isJson) terminal.print('There are none.');
      else
        terminal.result(
          known.map(({ name, protocols }) => ({ name, protocols: protocols?.join(',') ?? 'all' })),
        );
    },
  },
  {
    name: 'app-password remove',
    description: 'Remove an application password.',
    args: { login, name: applicationName },
    async run(accounts, args, terminal) {
      const name = textOf(args.name) ?? '';
      tell(
        terminal,
        await accounts.removeApplicationPassword(textOf(args.login) ?? '', name),
        `lost ${name}`,
      );
    },
  },
];

const userCommands: readonly AccountCommand[] = [
  {
    name: 'user add',
    description: 'Add an account; the password is asked for, or read from standard input.',
    args: {
      login,
      addresses: {
        kind: 'string',
        description: 'addresses by comma, the main one first; the login by default',
      },
      quota: { kind: 'string', description: 'room for mail, such as 500M or 2G' },
      id: { kind: 'string', description: 'the key its mail is kept under; made up by default' },
    },
    async run(accounts, args, terminal) {
      const addresses = textOf(args.addresses)
        ?.split(',')
        .map((address) => address.trim());
      const quota = textOf(args.quota);
      const id = textOf(args.id);
      const account = await accounts.add({
        login: textOf(args.login) ?? '',
        password: await askPassword(terminal),
        ...(addresses === undefined ? {} : { addresses }),
        ...(quota === undefined ? {} : { quota }),
        ...(id === undefined ? {} : { id }),
      });
      tell(terminal, account, 'added');
    },
  },
  {
    name: 'user passwd',
    description: 'Set the password of an account; it is asked for, or read from standard input.',
    args: { login },
    async run(accounts, args, terminal) {
      const password = await askPassword(terminal);
      tell(terminal, await accounts.setPassword(textOf(args.login) ?? '', password), 'changed');
    },
  },
  {
    name: 'user list',
    description: 'List the accounts.',
    args: {},
    async run(accounts, _args, terminal) {
      const all = await accounts.list();
      if (all.length === 0 && !terminal.isJson) terminal.print('There are no accounts.');
      else terminal.result(all.map((account) => (terminal.isJson ? jsonRow(account) : tableRow(account))));
    },
  },
  {
    name: 'user remove',
    description: 'Remove an account; its mail stays in the store.',
    args: { login },
    async run(accounts, args, terminal) {
      tell(terminal, await accounts.remove(textOf(args.login) ?? ''), 'removed');
    },
  },
  {
    name: 'user protocols',
    description: 'Set the protocols an account may log in with.',
    args: {
      login,
      only: { kind: 'string', description: 'such as imap,smtp; all when it is not given' },
    },
    async run(accounts, args, terminal) {
      const account = await accounts.setProtocols(textOf(args.login) ?? '', listOf(args.only));
      tell(terminal, account, `may use ${account.protocols?.join(', ') ?? 'all protocols'}`);
    },
  },
  ...passwordCommands,
  switchCommand('user disable', 'Refuse logins of an account; mail for it still arrives.', true),
  switchCommand('user enable', 'Allow logins of an account again.', false),
];

/** The commands of a plugin whose accounts `open` opens; they are closed when the command has ended. */
export function accountCommands<Config>(
  open: (config: Config) => OpenAccounts,
): readonly PluginCommand<Config>[] {
  return commandsOn(userCommands, open);
}

/** `postroad app-password` alone, for a plugin whose accounts are somebody else's to make. */
export function applicationPasswordCommands<Config>(
  open: (config: Config) => OpenApplicationPasswords,
): readonly PluginCommand<Config>[] {
  return commandsOn(passwordCommands, open);
}

function commandsOn<Config, Accounts extends { close?(): Promise<void> }>(
  commands: readonly AccountCommand<Accounts>[],
  open: (config: Config) => Accounts,
): readonly PluginCommand<Config>[] {
  return commands.map(({ run, ...command }) => ({
    ...command,
    async run({ config, args, terminal }) {
      const accounts = open(config);
      try {
        await run(accounts, args, terminal);
      } finally {
        await accounts.close?.();
      }
    },
  }));
}

function switchCommand(name: string, description: string, isDisabled: boolean): AccountCommand {
  return {
    name,
    description,
    args: { login },
    async run(accounts, args, terminal) {
      const account = await accounts.setDisabled(textOf(args.login) ?? '', isDisabled);
      tell(terminal, account, isDisabled ? 'disabled' : 'enabled');
    },
  };
}

async function askPassword(terminal: CommandTerminal): Promise<string> {
  const password = await terminal.askSecret('Password');
  if (password === '') throw new MailError('E_USAGE', 'the password is empty');
  if (terminal.isInteractive && (await terminal.askSecret('The same again')) !== password) {
    throw new MailError('E_USAGE', 'the two passwords differ');
  }
  return password;
}

function tell(terminal: CommandTerminal, account: Account, what: string): void {
  if (terminal.isJson) terminal.result([jsonRow(account)]);
  else terminal.print(`${account.login} ${what} (id ${account.id})`);
}

function jsonRow(account: Account): Record<string, unknown> {
  return {
    login: account.login,
    id: account.id,
    addresses: account.addresses.map(formatAddress),
    disabled: account.isDisabled,
    quotaBytes: account.quotaBytes ?? null,
  };
}

function tableRow(account: Account): Record<string, unknown> {
  return {
    login: account.login,
    id: account.id,
    addresses: account.addresses.map(formatAddress).join(', '),
    quota: account.quotaBytes ?? '–',
    state: account.isDisabled ? 'disabled' : 'active',
  };
}

function listOf(value: string | boolean | undefined): readonly string[] | undefined {
  return textOf(value)
    ?.split(',')
    .map((text) => text.trim().toLowerCase());
}

function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
