/**
 * Mailboxes, modelled so that IMAP4rev2 with CONDSTORE and QRESYNC, POP3 and JMAP are views of one thing.
 * Every implementation passes `mailboxStoreContract` of `@postroad/core/testing`.
 */
import type { Body } from '../body/body.js';
import { token } from '../di/token.js';
import type { MessageStructure } from '../mime/structure.js';

/** What a mailbox is for (RFC 6154), without the backslash. */
export type SpecialUse = 'All' | 'Archive' | 'Drafts' | 'Flagged' | 'Junk' | 'Sent' | 'Trash' | 'Important';

/** A mailbox. `name` is Unicode (NFC) with `/` between levels; INBOX is spelt in capitals. */
export interface Mailbox {
  /** Never reused; survives renaming. */
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** From 1 to 2^32-1; changes when a mailbox of that name is made anew (RFC 9051 section 2.3.1.1). */
  readonly uidValidity: number;
  readonly uidNext: number;
  /** Highest mod-sequence (RFC 7162); at least 1. */
  readonly highestModSeq: number;
  readonly messages: number;
  readonly unseen: number;
  /** Sum of message sizes in octets. */
  readonly sizeBytes: number;
  readonly specialUse?: SpecialUse;
  readonly isSubscribed: boolean;
}

/** One message in one mailbox. */
export interface MailboxEntry {
  readonly uid: number;
  readonly modSeq: number;
  /** System flags with their backslash in canonical case (`\Seen`), keywords as first given. Sorted. Never `\Recent`. */
  readonly flags: readonly string[];
  /** The stored message: equal for copies of the same message. */
  readonly messageId: string;
  readonly threadId: string;
  readonly sizeBytes: number;
  /** INTERNALDATE. */
  readonly internalDateMs: number;
  /** When it came into this mailbox (RFC 8514). */
  readonly savedAtMs: number;
}

/** A stored message, immutable. */
export interface StoredMessage extends MessageStructure {
  readonly messageId: string;
  readonly sizeBytes: number;
  /** Octets of the header section including the empty line. */
  readonly headerSizeBytes: number;
}

/** A message to store: `prefix` (whole header fields with CRLF, may be empty) stands before `body`. */
export interface NewMessage {
  readonly prefix: string;
  readonly body: Body;
  readonly internalDateMs: number;
}

/** Where to file it. Give the mailbox by id, or by name: it is then made when it is missing. */
export interface Filing {
  readonly accountId: string;
  readonly mailbox: { readonly id: string } | { readonly name: string };
  readonly flags: readonly string[];
}

/** Where it went, or why not: `quota` is the account's limit, `missing` a mailbox id that does not exist. */
export type Filed =
  | {
      readonly status: 'filed';
      readonly mailboxId: string;
      readonly uidValidity: number;
      readonly uid: number;
    }
  | { readonly status: 'quota' | 'missing' };

/** How flags change (RFC 9051 section 6.4.6). */
export interface FlagChange {
  readonly mode: 'add' | 'remove' | 'replace';
  readonly flags: readonly string[];
  /** Leave messages alone whose modSeq is higher (RFC 7162 section 3.1.3). */
  readonly unchangedSince?: number;
}

/** What a flag change did. `entries` are those that really changed, with their new flags and modSeq. */
export interface FlagsChanged {
  readonly entries: readonly MailboxEntry[];
  /** UIDs left alone because of `unchangedSince`. */
  readonly refused: readonly number[];
  readonly highestModSeq: number;
}

/** Source and target UIDs of a copy or move, pairwise, ascending by source. */
export interface Copied {
  readonly uidValidity: number;
  readonly pairs: readonly (readonly [sourceUid: number, targetUid: number])[];
}

/** What changed in a mailbox since a mod-sequence. */
export interface MailboxChanges {
  readonly highestModSeq: number;
  readonly uidNext: number;
  /** New and changed messages, ascending by UID; tell new ones by their UID. */
  readonly changed: readonly MailboxEntry[];
  /** UIDs expunged since, ascending. */
  readonly vanished: readonly number[];
  /** False when the log does not reach back that far: `vanished` then lists nothing and the caller must resynchronise. */
  readonly isComplete: boolean;
}

/** Something happened: a mailbox's content (`mailboxId` set), or the account's list of mailboxes. */
export interface ChangeNotice {
  readonly accountId: string;
  readonly mailboxId?: string;
  /**
   * The entries that were set or removed, when only annotations changed: of the mailbox, or without one of the account.
   * Of a mailbox that is shared, private ones are told to the account whose they are.
   */
  readonly annotations?: readonly string[];
}

/** What annotations are of (RFC 5464): a mailbox, or the account itself. Private ones are those of `accountId`. */
export interface AnnotationPlace {
  readonly accountId: string;
  readonly mailboxId?: string;
}

/** A mailbox of another account, and what may be done with it: letters of RFC 4314. */
export interface SharedMailbox {
  readonly mailbox: Mailbox;
  readonly rights: string;
}

/** Room of an account. */
export interface QuotaUse {
  readonly usedBytes: number;
  readonly limitBytes?: number;
  readonly messages: number;
}

/**
 * Keeps mailboxes. Everything that resolves is durable. Changes are atomic; those of one mailbox happen one after
 * another. A mailbox that is gone throws `E_NOT_FOUND`; a broken engine throws `E_MAILBOX_STORE`.
 */
export interface MailboxStore {
  /** The account's mailboxes in order of name, INBOX first. On first use INBOX, Drafts, Sent, Junk, Trash, Archive are made. */
  mailboxes(accountId: string): Promise<readonly Mailbox[]>;
  /** One mailbox by name (INBOX in any case), as it stands now. */
  mailboxByName(accountId: string, name: string): Promise<Mailbox | undefined>;
  mailbox(mailboxId: string): Promise<Mailbox | undefined>;
  /** Makes it, and its missing parents. `E_MAILBOX_EXISTS`, `E_MAILBOX_NAME`. */
  createMailbox(
    accountId: string,
    name: string,
    options?: { readonly specialUse?: SpecialUse },
  ): Promise<Mailbox>;
  /** Renames it and everything below it. Renaming INBOX moves its messages to the new mailbox (RFC 9051 section 6.3.6). */
  renameMailbox(mailboxId: string, name: string): Promise<Mailbox>;
  /** Removes it and its messages; mailboxes below it stay. INBOX can't be deleted (`E_MAILBOX_NAME`). */
  deleteMailbox(mailboxId: string): Promise<void>;
  setSubscribed(mailboxId: string, isSubscribed: boolean): Promise<void>;
  /**
   * Left out, or resolving to `undefined`, by stores that forget a subscription with its mailbox; `dropSubscription` is
   * there with it. Otherwise the names, in order, that are subscribed though there is no such mailbox: it was removed (RFC
   * 9051 section 6.3.7). A mailbox that comes to have such a name is subscribed. At most `lostSubscriptionsMax` of them
   * are kept, the latest.
   */
  lostSubscriptions?(accountId: string): Promise<readonly string[] | undefined>;
  /** Ends the subscription of a name that has no mailbox; for other names nothing happens. */
  dropSubscription?(accountId: string, name: string): Promise<void>;

  /** Stores a message once and files it in each place, all in one commit. Results in order of `filings`. */
  file(message: NewMessage, filings: readonly Filing[]): Promise<readonly Filed[]>;
  /**
   * Left out, or resolving to `undefined`, by stores that can't. Otherwise files several messages in one place in one
   * commit: all of them, in order, or none when one is not taken.
   */
  fileAll?(
    place: Omit<Filing, 'flags'>,
    messages: readonly { readonly message: NewMessage; readonly flags: readonly string[] }[],
  ): Promise<readonly Extract<Filed, { status: 'filed' }>[] | 'quota' | 'missing' | undefined>;
  /** All entries, or those with UIDs from `first` to `last` inclusive, ascending. The result may be shared: don't change it. */
  entries(
    mailboxId: string,
    range?: { readonly first: number; readonly last: number },
  ): Promise<readonly MailboxEntry[]>;
  /** Changes flags of the given UIDs; unknown UIDs are skipped. */
  changeFlags(mailboxId: string, uids: readonly number[], change: FlagChange): Promise<FlagsChanged>;
  /** Copies within the account, in one commit. `E_QUOTA`. */
  copy(mailboxId: string, uids: readonly number[], targetMailboxId: string): Promise<Copied>;
  /** Moves within the account, in one commit; keeps flags, internal date and messageId. */
  move(mailboxId: string, uids: readonly number[], targetMailboxId: string): Promise<Copied>;
  /** Removes messages whatever their flags; resolves with the UIDs that were there, ascending. */
  expunge(
    mailboxId: string,
    uids: readonly number[],
  ): Promise<{ readonly uids: readonly number[]; readonly highestModSeq: number }>;
  /** What changed after `modSeq`: one range read. */
  changes(mailboxId: string, modSeq: number): Promise<MailboxChanges>;

  /** Structures of messages, in order; `undefined` for those that are gone. Never opens a body. */
  messages(messageIds: readonly string[]): Promise<readonly (StoredMessage | undefined)[]>;
  /** The whole content, prefix included; the caller releases it. */
  open(messageId: string): Promise<Body | undefined>;

  /**
   * Left out, or resolving to `undefined`, by stores that do not keep it. Otherwise the lowest UID that no session has
   * claimed as `\Recent` (RFC 3501 section 2.3.2); those up to `claimUpTo` are claimed by it, in the same commit. It is no
   * change of the mailbox: nobody is told, and the mod-sequence stays.
   */
  firstRecent?(mailboxId: string, claimUpTo?: number): Promise<number | undefined>;

  /**
   * Left out, or resolving to `undefined`, where there is no index of texts, or the text is too short for it. Otherwise
   * tells of a message whether it may contain the folded text (see `foldText`) in its header or body: `false` is
   * certain, `true` means look.
   */
  textCandidates?(
    mailboxId: string,
    foldedText: string,
  ): Promise<((messageId: string) => boolean) | undefined>;

  /**
   * Left out, or resolving to `undefined`, by stores that keep no annotations. Otherwise those of a place: values by
   * entry, in lower case; `/shared/...` are the same for everybody, `/private/...` the account's own. They follow a
   * mailbox when it is renamed, and go with it.
   */
  annotations?(place: AnnotationPlace): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
  /**
   * Sets entries, and removes those whose value is `null`, in one commit. `E_QUOTA` when there would be too many or too
   * long ones (see `annotationLimits`).
   */
  annotate?(place: AnnotationPlace, values: ReadonlyMap<string, Uint8Array | null>): Promise<void>;

  /**
   * Left out, or resolving to `undefined`, by stores that share no mailboxes; `shares`, `setShare` and `sharedWith` are
   * there together. Who may use a mailbox beside its owner: rights (see `normaliseRights`) by account id, or `anyone`.
   */
  shares?(mailboxId: string): Promise<ReadonlyMap<string, string> | undefined>;
  /** Gives rights to an account in place of those it had; `''` takes them away. `E_QUOTA` when there are too many. */
  setShare?(mailboxId: string, accountId: string, rights: string): Promise<void>;
  /** The mailboxes of others that an account has rights to, its own and those of `anyone` together. */
  sharedWith?(accountId: string): Promise<readonly SharedMailbox[]>;

  quota(accountId: string): Promise<QuotaUse>;
  setQuota(accountId: string, limitBytes: number | undefined): Promise<void>;
  /** Calls `listener` after each commit that touches the account; returns how to stop. It must not throw. */
  watch(accountId: string, listener: (notice: ChangeNotice) => void): () => void;
  close(): Promise<void>;
}

/** The token of the mailbox store. */
export const MailboxStore = token<MailboxStore>('core.mailbox-store');
