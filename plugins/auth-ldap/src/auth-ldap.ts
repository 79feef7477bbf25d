/** The plugin `auth-ldap`: accounts from an LDAP server. */
import { applicationPasswordCommands, Clock, Directory, definePlugin } from '@postroad/core';
import { openApplicationPasswords } from './application-passwords.js';
import { createLdapDirectory } from './directory.js';
import { config } from './options.js';
import { createBindingPool, createSearchingPool } from './pools.js';

/** Provides `Directory` from LDAP. */
export const authLdap = definePlugin({
  name: 'auth-ldap',
  description: 'Accounts from an LDAP server.',
  config,
  needs: { clock: Clock },
  commands: applicationPasswordCommands(openApplicationPasswords),
  provides: [Directory],
  setup({ config, services, provide, defer, log }) {
    const searching = createSearchingPool(config, log);
    const binding = createBindingPool(config, log);
    provide(Directory, createLdapDirectory({ config, clock: services.clock, searching, binding }));
    defer(async () => {
      await Promise.all([searching.close(), binding.close()]);
    });
  },
});
