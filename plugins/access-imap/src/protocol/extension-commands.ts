/** Commands that extensions bring, as data. */
import type { FetchItem } from './fetch-items.js';
import type { MailboxFilter } from './mailbox-filter.js';
import type { SearchKey } from './search-program.js';
import type { SearchReturn } from './search-return.js';

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

/** What can be told of as it happens (RFC 5465 section 5). */
export type NotifyEvent =
  | 'MessageNew'
  | 'MessageExpunge'
  | 'FlagChange'
  | 'MailboxName'
  | 'SubscriptionChange'
  | 'MailboxMetadataChange'
  | 'ServerMetadataChange';

/** Mailboxes, and what is to be told of them. */
export interface NotifyGroup {
  readonly filter: MailboxFilter;
  readonly events: ReadonlySet<NotifyEvent>;
  /** What is to be told at once of new messages in the selected mailbox. */
  readonly items: readonly FetchItem[];
}

/** NOTIFY (RFC 5465); without groups it is `NOTIFY NONE`. */
export interface NotifyCommand {
  readonly name: 'NOTIFY';
  readonly groups: readonly NotifyGroup[];
  /** Whether a STATUS of each mailbox is wanted first. */
  readonly hasStatus: boolean;
}

/** GETACL, MYRIGHTS, and with an identifier DELETEACL and LISTRIGHTS (RFC 4314). */
export interface AccessCommand {
  readonly name: 'GETACL' | 'MYRIGHTS' | 'DELETEACL' | 'LISTRIGHTS';
  readonly mailbox: string;
  readonly identifier: string;
}

/** SETACL (RFC 4314). */
export interface SetAccessCommand {
  readonly name: 'SETACL';
  readonly mailbox: string;
  readonly identifier: string;
  readonly mode: 'add' | 'remove' | 'replace';
  readonly rights: string;
}
