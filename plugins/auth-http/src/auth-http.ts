/** The plugin `auth-http`: accounts from a web service. */
import { Clock, Directory, definePlugin } from '@postroad/core';
import { createAsk } from './ask.js';
import { createHttpDirectory } from './directory.js';
import { config } from './options.js';

/** Provides `Directory` from a web service that answers questions in JSON. */
export const authHttp = definePlugin({
  name: 'auth-http',
  description: 'Accounts from a web service.',
  config,
  needs: { clock: Clock },
  provides: [Directory],
  setup({ config, services, provide }) {
    provide(Directory, createHttpDirectory(createAsk(config), services.clock));
  },
});
