/** The plugin `route-sink`: every recipient is welcome, every login is right, and all mail is the sink's. */
import { accept, definePlugin, MailboxStore, type StandardSchema } from '@postroad/core';

/** What `routeSink` takes. */
export interface RouteSinkOptions {
  /** The account that gets everything. */
  readonly accountId: string;
  /** Messages kept in its inbox; the oldest go first. */
  readonly messagesMax: number;
}

const config: StandardSchema<RouteSinkOptions> = {
  '~standard': {
    version: 1,
    vendor: 'route-sink',
    // The only user is the composition beside this file, which the compiler checks.
    validate: (value) => ({ value: value as RouteSinkOptions }),
  },
};

/** Takes everything. Never use it where others can send: it is the very opposite of a mail server. */
export const routeSink = definePlugin({
  name: 'route-sink',
  description: 'Takes all mail for one account.',
  config,
  needs: { store: MailboxStore },
  setup({ config: { accountId, messagesMax }, services: { store }, tap }) {
    tap('credentials', (connection, { login, mechanism }) =>
      // Readers have a password of their own; programs that send have any.
      connection.role === 'relay' ? { accountId, login, mechanism } : undefined,
    );
    tap('recipient', () => accept());
    tap('route', () => ({ transport: 'local', accountId }));
    tap('stored', async ({ filed }) => {
      if (filed.status !== 'filed') return;
      const entries = await store.entries(filed.mailboxId);
      const oldest = entries.slice(0, Math.max(0, entries.length - messagesMax)).map(({ uid }) => uid);
      if (oldest.length > 0) await store.expunge(filed.mailboxId, oldest);
    });
  },
});
