/** What `postroad mailbox index` needs to know of the store that the access benchmark has filled. */
import { defineConfig } from '@postroad/core';
import { storeLmdb } from '@postroad/store-lmdb';

export default defineConfig({
  hostname: 'access.test',
  plugins: [storeLmdb({ directory: process.env.BENCH_MAILBOXES ?? '', hasTextIndex: true })],
});
