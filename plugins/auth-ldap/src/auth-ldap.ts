/** The plugin `auth-ldap`: accounts from an LDAP server. */
import { Clock, Directory, definePlugin } from '@postroad/core';
import { openConnection } from './connection.js';
import { createLdapDirectory } from './directory.js';
import { config } from './options.js';
import { createPool } from './pool.js';

/** Provides `Directory` from LDAP. */
export const authLdap = definePlugin({
  name: 'auth-ldap',
  description: 'Accounts from an LDAP server.',
  config,
  needs: { clock: Clock },
  provides: [Directory],
  setup({ config, services, provide, defer, log }) {
    const { bindDn, bindPassword } = config;
    const searching = createPool(async () => {
      const connection = await openConnection(config, log);
      try {
        if (bindDn !== undefined && bindPassword !== undefined)
          await connection.client.bind(bindDn, bindPassword);
        return connection;
      } catch (error) {
        await connection.close();
        throw error;
      }
    }, config);
    const binding = createPool(() => openConnection(config, log), config);
    provide(Directory, createLdapDirectory({ config, clock: services.clock, searching, binding }));
    defer(async () => {
      await Promise.all([searching.close(), binding.close()]);
    });
  },
});
