/** The public entry of `@postroad/auth-file`. */
export { type AuthFileConfig, type AuthFileOptions, authFile } from './auth-file.js';
export { type UsersFile, usersFile } from './users-file.js';
