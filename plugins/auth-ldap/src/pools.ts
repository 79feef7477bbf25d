/** The two kinds of connections: those that search, bound as whoever may, and those that passwords are tried on. */
import type { Logger } from '@postroad/core';
import { openConnection } from './connection.js';
import type { AuthLdapConfig } from './options.js';
import { createPool, type Pool } from './pool.js';

/** Connections that may search, and write where `bindDn` may. */
export function createSearchingPool(config: AuthLdapConfig, log: Logger): Pool {
  const { bindDn, bindPassword } = config;
  return createPool(async () => {
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
}

/** Connections that nobody is bound on, or anybody. */
export function createBindingPool(config: AuthLdapConfig, log: Logger): Pool {
  return createPool(() => openConnection(config, log), config);
}
