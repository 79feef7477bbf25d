/** IMAP access to mailboxes. */
export { accessImap } from './plugin.js';
