/** The public entry of `@postroad/auth-file`. */
export type { ApplicationPassword } from './application-password.js';
export { type AuthFileConfig, type AuthFileOptions, authFile } from './auth-file.js';
export type { ScramOptions } from './scram.js';
export { type NewUser, type UsersFile, usersFile } from './users-file.js';
