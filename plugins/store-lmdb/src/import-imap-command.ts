/** `postroad mailbox import-imap`: all mail of an account on another server. */
import { join } from 'node:path';
import { createSpool, MailError, type PluginCommand, systemClock } from '@postroad/core';
import type { StoreLmdbConfig } from './config.js';
import { openStoreLmdb } from './open-store-lmdb.js';
import type { ImapLocation } from './transfer/imap-account.js';
import { importImap } from './transfer/import-imap.js';

/** Messages between two lines of progress. */
const progressEvery = 1_000;

/** The command. */
export const importImapCommand: PluginCommand<StoreLmdbConfig> = {
  name: 'mailbox import-imap',
  description: 'File all mail of an account on another IMAP server; run it again to go on after a failure.',
  args: {
    account: { kind: 'positional', description: "the account's id", isRequired: true },
    url: { kind: 'positional', description: 'imaps://login@host[:port] or imap://...', isRequired: true },
    mailbox: { kind: 'string', description: 'only this mailbox, by its name there' },
  },
  async run({ config, args, terminal }) {
    const place = locationOf(String(args.url));
    const password = await terminal.askSecret(`Password of ${place.login} at ${place.host}`);
    // Loaded only here: no other command and no server needs it.
    const { ImapAccount } = await import('./transfer/imap-account.js');
    const account = await ImapAccount.open({ ...place, password });
    const open = openStoreLmdb(config, { nowMs: () => systemClock.now() });
    try {
      const spool = createSpool({
        directory: join(config.directory, 'import'),
        inlineOctetsMax: config.inlineBytesMax,
      });
      await spool.open();
      const only = typeof args.mailbox === 'string' && args.mailbox !== '' ? { only: args.mailbox } : {};
      const results = importImap(open.engine, open.store, account, spool, {
        accountId: String(args.account),
        ...only,
        onProgress(mailbox, done, all) {
          if (done % progressEvery === 0) terminal.print(`${mailbox}: ${done} of ${all}`);
        },
      });
      for await (const result of results) terminal.result([{ account: String(args.account), ...result }]);
    } finally {
      await account.close();
      await open.store.close();
    }
  },
};

function locationOf(text: string): Omit<ImapLocation, 'password'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isImplicitTls = url?.protocol === 'imaps:';
  if (url === undefined || (!isImplicitTls && url.protocol !== 'imap:') || url.username === '') {
    throw new MailError('E_USAGE', 'the other account is written imaps://login@host[:port]');
  }
  if (url.password !== '') throw new MailError('E_USAGE', 'leave the password out: it is asked for');
  const port = url.port === '' ? (isImplicitTls ? 993 : 143) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port, isImplicitTls, login: decodeURIComponent(url.username) };
}
