/** The store in a server, for the account `alice`. */
import { join } from 'node:path';
import { bodyFromBytes, definePlugin, MailboxStore } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { storeMaildir } from '@postroad/store-maildir';

/** Starts a server with the store over `mail` in a scratch directory; nothing listens. */
export async function openStore(scratch: string) {
  let store: MailboxStore | undefined;
  const probe = definePlugin({
    name: 'probe-store',
    needs: { store: MailboxStore },
    setup({ services }) {
      store = services.store;
    },
  });
  const server = await startTestMta({
    listeners: [],
    plugins: [storeMaildir({ directory: join(scratch, 'mail') }), probe()],
  });
  const found = store as MailboxStore | undefined;
  if (found === undefined) throw new Error('there is no store');
  return {
    store: found,
    async file(text: string, flags: readonly string[] = [], name = 'INBOX') {
      const body = bodyFromBytes(Buffer.from(text.replaceAll('\n', '\r\n')));
      const filing = { accountId: 'alice', mailbox: { name }, flags };
      await found.file({ prefix: '', body, internalDateMs: Date.UTC(2024, 0, 2) }, [filing]);
    },
    async inbox() {
      const mailbox = await found.mailboxByName('alice', 'INBOX');
      const entries = await found.entries(mailbox?.id ?? '');
      const messages = await found.messages(entries.map((entry) => entry.messageId));
      return entries.map((entry, at) => ({ ...entry, subject: messages[at]?.envelope.subject }));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
