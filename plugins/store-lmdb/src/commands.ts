/** `postroad mailbox list|check|export|import`. They open the store themselves; a running server may go on using it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CommandArgument,
  type CommandTerminal,
  createSpool,
  type Mailbox,
  type MailboxStore,
  MailError,
  type PluginCommand,
  systemClock,
} from '@postroad/core';
import { checkStore } from './check-store.js';
import type { StoreLmdbConfig } from './config.js';
import { importImapCommand } from './import-imap-command.js';
import { indexCommand } from './index-command.js';
import type { OpenStore } from './mailbox-store-lmdb.js';
import { openStoreLmdb } from './open-store-lmdb.js';
import { textIndexState } from './text-index.js';
import { importMessages } from './transfer/import-messages.js';
import { countMaildir, readMaildir, writeMaildir } from './transfer/maildir.js';
import { readMbox, writeMbox } from './transfer/mbox.js';
import { type LeavingMessage, leavingMessages } from './transfer/transferred-message.js';

const account: CommandArgument = { kind: 'positional', description: "the account's id", isRequired: true };
const mailbox: CommandArgument = {
  kind: 'positional',
  description: 'the name of the mailbox',
  isRequired: true,
};
const format: CommandArgument = { kind: 'string', description: 'maildir (the default) or mbox' };

/** The commands of the plugin. */
export const mailboxCommands: readonly PluginCommand<StoreLmdbConfig>[] = [
  {
    name: 'mailbox list',
    description: 'List the mailboxes of all accounts, or of one.',
    args: { account: { ...account, isRequired: false } },
    run: ({ config, args, terminal }) =>
      withStore(config, async (open) => {
        const wanted = textOf(args.account);
        const accounts = wanted === undefined ? accountsOf(open) : [wanted];
        for (const accountId of accounts) requireAccount(open, accountId);
        const lists = await Promise.all(accounts.map((accountId) => open.store.mailboxes(accountId)));
        terminal.result(lists.flat().map(rowOf));
      }),
  },
  {
    name: 'mailbox check',
    description:
      'Verify the store; --repair puts right what can be put right, --contents reads every message.',
    args: {
      repair: { kind: 'boolean', description: 'repair what is found' },
      contents: { kind: 'boolean', description: 'compare every body with its digest' },
    },
    run: ({ config, args, terminal }) => withStore(config, (open) => check(open, config, args, terminal)),
  },
  {
    name: 'mailbox export',
    description: 'Write a mailbox to a Maildir or an mbox file.',
    args: {
      account,
      mailbox,
      path: { kind: 'positional', description: 'the directory or file to write', isRequired: true },
      format,
    },
    run: ({ config, args, terminal }) =>
      withStore(config, async ({ store, ...open }) => {
        const accountId = textOf(args.account) ?? '';
        requireAccount({ store, ...open }, accountId);
        const found = await requireMailbox(store, accountId, textOf(args.mailbox) ?? '');
        const messages = counted(leavingMessages(store, found.id), found.messages, terminal);
        const write = isMbox(args.format) ? writeMbox : writeMaildir;
        const exported = await write(textOf(args.path) ?? '', messages);
        terminal.result([{ account: accountId, mailbox: found.name, exported }]);
      }),
  },
  {
    name: 'mailbox import',
    description: 'File the messages of a Maildir or an mbox file; those that are there already are left out.',
    args: {
      account,
      mailbox,
      path: { kind: 'positional', description: 'the directory or file to read', isRequired: true },
    },
    run: ({ config, args, terminal }) =>
      withStore(config, async (open) => {
        const accountId = textOf(args.account) ?? '';
        const path = textOf(args.path) ?? '';
        const mailboxName = textOf(args.mailbox) ?? '';
        const spool = createSpool({
          directory: join(config.directory, 'import'),
          inlineOctetsMax: config.inlineBytesMax,
        });
        await spool.open();
        const isDirectory = (await stat(path)).isDirectory();
        const all = isDirectory ? await countMaildir(path) : undefined;
        const messages = isDirectory ? readMaildir(path, spool) : readMbox(path, spool, systemClock.now());
        const onProgress = (done: number) => progress(terminal, 'read', done, all);
        const result = await importMessages(open.engine, open.store, messages, {
          accountId,
          mailboxName,
          onProgress,
        });
        terminal.result([{ account: accountId, mailbox: mailboxName, ...result }]);
      }),
  },
  importImapCommand,
  indexCommand,
];

async function check(
  open: OpenStore,
  { hasTextIndex }: StoreLmdbConfig,
  args: Readonly<Record<string, unknown>>,
  terminal: CommandTerminal,
): Promise<void> {
  const report = await checkStore(open.engine, {
    isRepairing: args.repair === true,
    hasContents: args.contents === true,
    onProgress: (done, all) => progress(terminal, 'looked at', done, all),
  });
  terminal.print(`mailboxes ${report.mailboxes}, messages ${report.messages}, bodies ${report.bodies}`);
  const { indexed, all } = textIndexState(open.engine);
  if (hasTextIndex) terminal.print(`index of texts: ${indexed} of ${all} messages ever filed`);
  terminal.result(report.findings.map((finding) => ({ ...finding })));
  const left = report.findings.filter((finding) => !finding.isRepaired).length;
  if (left > 0) throw new MailError('E_MAILBOX_STORE', `${left} things are not as they should be`);
  terminal.print(report.findings.length === 0 ? 'nothing is wrong' : 'everything is right now');
}

async function withStore(config: StoreLmdbConfig, work: (open: OpenStore) => Promise<void>): Promise<void> {
  const open = openStoreLmdb(config, { nowMs: () => systemClock.now() });
  try {
    await work(open);
  } finally {
    await open.store.close();
  }
}

/** Accounts whose id is their key; others can be asked for by id. */
function accountsOf({ engine }: OpenStore): readonly string[] {
  return engine.read((tables) => {
    const ids = new Set<string>();
    for (const { value } of tables.mailboxes.getRange({})) ids.add(value.accountId);
    return [...ids].sort();
  });
}

/** Asking for the mailboxes of an account makes it: a command must not do that for a slip of the pen. */
function requireAccount(open: OpenStore, accountId: string): void {
  if (!accountsOf(open).includes(accountId))
    throw new MailError('E_NOT_FOUND', `there is no account ${accountId} here`);
}

async function requireMailbox(store: MailboxStore, accountId: string, name: string): Promise<Mailbox> {
  const found = await store.mailboxByName(accountId, name);
  if (found === undefined) throw new MailError('E_NOT_FOUND', `there is no mailbox ${name}`);
  return found;
}

function rowOf(found: Mailbox): Readonly<Record<string, unknown>> {
  const { accountId, name, messages, unseen, sizeBytes, specialUse, id } = found;
  return {
    account: accountId,
    mailbox: name,
    messages,
    unseen,
    octets: sizeBytes,
    use: specialUse ?? '',
    id,
  };
}

function isMbox(value: unknown): boolean {
  if (value === undefined || value === 'maildir') return false;
  if (value === 'mbox') return true;
  throw new MailError('E_USAGE', 'the format is maildir or mbox');
}

async function* counted(
  messages: AsyncIterable<LeavingMessage>,
  all: number,
  terminal: CommandTerminal,
): AsyncGenerator<LeavingMessage> {
  let done = 0;
  for await (const message of messages) {
    yield message;
    progress(terminal, 'written', ++done, all);
  }
}

const progressEvery = 1_000;

function progress(terminal: CommandTerminal, what: string, done: number, all: number | undefined): void {
  if (done % progressEvery === 0) terminal.print(`${what}: ${done}${all === undefined ? '' : ` of ${all}`}`);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
