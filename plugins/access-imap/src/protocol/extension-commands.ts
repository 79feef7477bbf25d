/** Commands that extensions bring, as data. */
import type { SearchReturn } from './command.js';
import type { MailboxFilter } from './mailbox-filter.js';
import type { SearchKey } from './search-program.js';

/** ESEARCH over several mailboxes (RFC 7377). */
export interface MultiSearchCommand {
  readonly name: 'ESEARCH';
  /** Which mailboxes; the selected one when none is named. */
  readonly sources: readonly MailboxFilter[];
  readonly returns: SearchReturn;
  readonly program: SearchKey;
}

/** CANCELUPDATE (RFC 5267): the tags of the searches that need no more updates. */
export interface CancelUpdateCommand {
  readonly name: 'CANCELUPDATE';
  readonly tags: readonly string[];
}

/** How deep below the named entries annotations are asked for (RFC 5464 section 4.2.2). */
export type MetadataDepth = 0 | 1 | 'infinity';

/** GETMETADATA (RFC 5464). Entries are in lower case; an empty mailbox is the server. */
export interface GetMetadataCommand {
  readonly name: 'GETMETADATA';
  readonly mailbox: string;
  readonly entries: readonly string[];
  readonly depth: MetadataDepth;
  readonly valueOctetsMax?: number;
}

/** SETMETADATA (RFC 5464). Values are octets; `null` removes. */
export interface SetMetadataCommand {
  readonly name: 'SETMETADATA';
  readonly mailbox: string;
  readonly values: ReadonlyMap<string, string | null>;
}
