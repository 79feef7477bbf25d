/** The commands of a client as data: what `parseCommand` makes and the server carries out. */
import type {
  AccessCommand,
  CancelUpdateCommand,
  GetMetadataCommand,
  MultiSearchCommand,
  NotifyCommand,
  SetAccessCommand,
  SetMetadataCommand,
} from './extension-commands.js';
import type { FetchItem } from './fetch-items.js';
import type { SearchKey } from './search-program.js';
import type { PartialRange, SearchReturn } from './search-return.js';
import type { MessageSet, Ranges } from './sequence-set.js';

/** Commands without arguments. */
export interface PlainCommand {
  readonly name:
    | 'CAPABILITY'
    | 'NOOP'
    | 'LOGOUT'
    | 'STARTTLS'
    | 'IDLE'
    | 'CHECK'
    | 'CLOSE'
    | 'UNSELECT'
    | 'NAMESPACE'
    | 'UNAUTHENTICATE';
}

/** ID (RFC 2971): fields in order, or `null`. */
export interface IdCommand {
  readonly name: 'ID';
  readonly fields: readonly (readonly [name: string, value: string | null])[] | null;
}

/** ENABLE (RFC 9051 section 6.3.1): capability names in capitals. */
export interface EnableCommand {
  readonly name: 'ENABLE';
  readonly capabilities: readonly string[];
}

/** LOGIN. */
export interface LoginCommand {
  readonly name: 'LOGIN';
  readonly login: string;
  readonly password: string;
}

/** AUTHENTICATE, with the initial response of SASL-IR (RFC 4959) in base64 when there is one. */
export interface AuthenticateCommand {
  readonly name: 'AUTHENTICATE';
  readonly mechanism: string;
  readonly initialResponse?: string;
}

/** What a client knows of a mailbox (RFC 7162 section 3.2.5). */
export interface QresyncParameters {
  readonly uidValidity: number;
  readonly modSeq: number;
  readonly knownUids?: Ranges;
  /** Sequence numbers and their UIDs, pairwise. */
  readonly match?: { readonly sequence: Ranges; readonly uids: Ranges };
}

/** SELECT and EXAMINE. */
export interface SelectCommand {
  readonly name: 'SELECT' | 'EXAMINE';
  readonly mailbox: string;
  readonly isCondstore: boolean;
  readonly qresync?: QresyncParameters;
}

/** Commands about one mailbox by name. */
export interface MailboxCommand {
  readonly name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE' | 'GETQUOTAROOT';
  readonly mailbox: string;
}

/** CREATE, with the uses of RFC 6154 without their backslash. */
export interface CreateCommand {
  readonly name: 'CREATE';
  readonly mailbox: string;
  readonly specialUses: readonly string[];
}

/** RENAME. */
export interface RenameCommand {
  readonly name: 'RENAME';
  readonly from: string;
  readonly to: string;
}

/** What STATUS can tell. */
export type StatusItem =
  | 'MESSAGES'
  | 'RECENT'
  | 'UIDNEXT'
  | 'UIDVALIDITY'
  | 'UNSEEN'
  | 'DELETED'
  | 'SIZE'
  | 'HIGHESTMODSEQ'
  | 'MAILBOXID'
  | 'APPENDLIMIT'
  | 'DELETED-STORAGE';

/** STATUS. */
export interface StatusCommand {
  readonly name: 'STATUS';
  readonly mailbox: string;
  readonly items: readonly StatusItem[];
}

/** LIST and LSUB, with LIST-EXTENDED (RFC 5258) and LIST-STATUS (RFC 5819). Patterns are decoded text. */
export interface ListCommand {
  readonly name: 'LIST' | 'LSUB';
  readonly reference: string;
  readonly patterns: readonly string[];
  /** Whether the extended syntax was used. */
  readonly isExtended: boolean;
  readonly select: ReadonlySet<'SUBSCRIBED' | 'REMOTE' | 'RECURSIVEMATCH' | 'SPECIAL-USE'>;
  readonly returns: ReadonlySet<'SUBSCRIBED' | 'CHILDREN' | 'SPECIAL-USE'>;
  readonly status: readonly StatusItem[];
  /** Entries of METADATA (RFC 9590). */
  readonly metadata: readonly string[];
}

/** Where the octets of an appended message come from, in order (CATENATE, RFC 4469). */
export type AppendPart =
  /** The next of the literals that were streamed. */
  { readonly part: 'literal' } | { readonly part: 'url'; readonly url: string };

/** One message of APPEND. */
export interface AppendMessage {
  readonly flags: readonly string[];
  readonly internalDateMs?: number;
  readonly parts: readonly AppendPart[];
}

/** APPEND, several messages with MULTIAPPEND (RFC 3502). */
export interface AppendCommand {
  readonly name: 'APPEND';
  readonly mailbox: string;
  readonly messages: readonly AppendMessage[];
}

/** REPLACE (RFC 8508). `message` is a sequence number or UID; `Infinity` is `*`. */
export interface ReplaceCommand {
  readonly name: 'REPLACE';
  readonly isUid: boolean;
  readonly message: number;
  readonly mailbox: string;
  readonly content: AppendMessage;
}

/** FETCH. */
export interface FetchCommand {
  readonly name: 'FETCH';
  readonly isUid: boolean;
  readonly set: MessageSet;
  readonly items: readonly FetchItem[];
  readonly changedSince?: number;
  /** VANISHED was asked for (RFC 7162 section 3.2.6). */
  readonly isVanished: boolean;
  readonly partial?: PartialRange;
}

/** STORE. */
export interface StoreCommand {
  readonly name: 'STORE';
  readonly isUid: boolean;
  readonly set: MessageSet;
  readonly mode: 'add' | 'remove' | 'replace';
  readonly flags: readonly string[];
  readonly isSilent: boolean;
  readonly unchangedSince?: number;
}

/** COPY and MOVE. */
export interface CopyCommand {
  readonly name: 'COPY' | 'MOVE';
  readonly isUid: boolean;
  readonly set: MessageSet;
  readonly mailbox: string;
}

/** EXPUNGE, or UID EXPUNGE with a set (RFC 4315). */
export interface ExpungeCommand {
  readonly name: 'EXPUNGE';
  readonly set?: MessageSet;
}

/** SEARCH. */
export interface SearchCommand {
  readonly name: 'SEARCH';
  readonly isUid: boolean;
  readonly returns?: SearchReturn;
  readonly program: SearchKey;
}

/** What SORT orders by (RFC 5256, RFC 5957, RFC 6203). */
export interface SortCriterion {
  readonly by:
    | 'ARRIVAL'
    | 'CC'
    | 'DATE'
    | 'DISPLAYFROM'
    | 'DISPLAYTO'
    | 'FROM'
    | 'RELEVANCY'
    | 'SIZE'
    | 'SUBJECT'
    | 'TO';
  readonly isReverse: boolean;
}

/** SORT. */
export interface SortCommand {
  readonly name: 'SORT';
  readonly isUid: boolean;
  readonly returns?: SearchReturn;
  readonly criteria: readonly SortCriterion[];
  readonly program: SearchKey;
}

/** THREAD. */
export interface ThreadCommand {
  readonly name: 'THREAD';
  readonly isUid: boolean;
  readonly algorithm: 'REFERENCES' | 'ORDEREDSUBJECT';
  readonly program: SearchKey;
}

/** GETQUOTA (RFC 9208). */
export interface GetQuotaCommand {
  readonly name: 'GETQUOTA';
  readonly root: string;
}

/** COMPRESS (RFC 4978). */
export interface CompressCommand {
  readonly name: 'COMPRESS';
  readonly mechanism: string;
}

/** Any command. */
export type Command =
  | PlainCommand
  | IdCommand
  | EnableCommand
  | LoginCommand
  | AuthenticateCommand
  | SelectCommand
  | MailboxCommand
  | CreateCommand
  | RenameCommand
  | StatusCommand
  | ListCommand
  | AppendCommand
  | ReplaceCommand
  | FetchCommand
  | StoreCommand
  | CopyCommand
  | ExpungeCommand
  | SearchCommand
  | MultiSearchCommand
  | CancelUpdateCommand
  | SortCommand
  | ThreadCommand
  | GetQuotaCommand
  | AccessCommand
  | SetAccessCommand
  | GetMetadataCommand
  | NotifyCommand
  | SetMetadataCommand
  | CompressCommand;

/** The name of a command, UID forms without their UID. */
export type CommandName = Command['name'];
