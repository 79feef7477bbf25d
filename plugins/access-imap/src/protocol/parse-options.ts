/** What a client has said about itself that changes how its commands are read. */
import type { NameEncoding } from './mailbox-name.js';

/** The same for all commands of one reading. */
export interface ParseOptions {
  readonly names: NameEncoding;
}
