import { join } from 'node:path';
import { accept, definePlugin, MailboxStore, parseAddress } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { authFile, usersFile } from '../src/index.js';
import { temporaryFolder } from './open-directory.js';

it('a quota in the file is what the mailbox store enforces', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'users');
  await usersFile(file).add({ login: 'bob@example.org', id: 'bob', quota: '2K' });
  const replies: number[] = [];
  let store: MailboxStore | undefined;
  const toBob = definePlugin({
    name: 'route-bob',
    needs: { store: MailboxStore },
    setup({ services, tap }) {
      store = services.store;
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'local', accountId: 'bob' }));
      tap('attempted', (_delivery, report) => {
        replies.push(...report.outcomes.map((outcome) => outcome.reply.code));
      });
    },
  });
  const mta = await startTestMta({ listeners: [], plugins: [authFile({ file }), toBob()] });
  const bob = parseAddress('bob@example.org');
  const submit = async (octets: number) => {
    const text = `Subject: x\r\n\r\n${'x'.repeat(70)}\r\n`.padEnd(octets, 'x\r\n');
    await mta.mta.submit(
      { reversePath: null, recipients: [{ address: bob as NonNullable<typeof bob> }] },
      Buffer.from(text),
    );
  };
  await submit(200);
  await expect.poll(() => replies, { timeout: 20_000 }).toEqual([250]);
  await submit(4_000);
  await expect.poll(() => replies, { timeout: 20_000 }).toEqual([250, 452]);
  expect((await store?.quota('bob'))?.limitBytes).toBe(2_048);
  await mta.stop();
  await folder.remove();
});
