import { expect, it } from 'vitest';
import { bodyFromBytes } from '../body/inline-body.js';
import { createDirectoryMemory } from '../memory/directory-memory.js';
import { createStoreMemory } from '../memory/mailbox-store-memory.js';
import { withDirectoryQuota } from './directory-quota.js';

const message = {
  prefix: '',
  body: bodyFromBytes(Buffer.from('Subject: x\r\n\r\nx\r\n')),
  internalDateMs: 0,
};
const filing = (accountId: string) => ({ accountId, mailbox: { name: 'INBOX' }, flags: [] });

function open(quotaBytes?: number) {
  const account = { address: 'alice@example.org', password: 'x', id: 'alice' };
  const directory = createDirectoryMemory([quotaBytes === undefined ? account : { ...account, quotaBytes }]);
  return { directory, inner: createStoreMemory({ nowMs: () => 0 }) };
}

it('refuses what the directory gives no room for', async () => {
  const { directory, inner } = open(30);
  const store = withDirectoryQuota(inner, directory, () => undefined);
  expect((await store.file(message, [filing('alice')]))[0]?.status).toBe('filed');
  expect((await store.file(message, [filing('alice')]))[0]?.status).toBe('quota');
  expect(await store.quota('alice')).toEqual({ usedBytes: 17, messages: 1, limitBytes: 30 });
});

it('follows the directory, also when it takes the limit away', async () => {
  const { directory, inner } = open();
  await inner.setQuota('alice', 1);
  await inner.setQuota('stranger', 1);
  const store = withDirectoryQuota(inner, directory, () => undefined);
  const filed = await store.file(message, [filing('alice'), filing('stranger')]);
  expect(filed.map((one) => one.status)).toEqual(['filed', 'quota']);
});

it('keeps the limit when the directory does not answer, and says so', async () => {
  const { directory, inner } = open(30);
  await inner.setQuota('alice', 1);
  const errors: unknown[] = [];
  const broken = { ...directory, byId: () => Promise.reject(new Error('not now')) };
  const store = withDirectoryQuota(inner, broken, (error) => errors.push(error));
  expect((await store.file(message, [filing('alice')]))[0]?.status).toBe('quota');
  expect(errors).toHaveLength(1);
});
