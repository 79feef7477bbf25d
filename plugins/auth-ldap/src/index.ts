/** The public entry of `@postroad/auth-ldap`. */
export { authLdap } from './auth-ldap.js';
export type { AuthLdapConfig, AuthLdapOptions } from './options.js';
