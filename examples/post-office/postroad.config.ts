/** For the commands that look after a post office: `npx postroad user list --config examples/post-office`. */
import { resolve } from 'node:path';
import { defineConfig } from '@postroad/core';
import { readOptions } from './dist/options.js';
import { postOffice } from './dist/post-office.js';

/** What the flags of `npm start` say comes from the environment here. */
export default defineConfig(() => {
  const options = readOptions([], process.env);
  if (options === 'help') throw new Error('a configuration has no help');
  return postOffice({ ...options, dataDirectory: resolve(options.dataDirectory) });
});
