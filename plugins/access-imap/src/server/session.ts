/** The state of one connection (RFC 9051 section 3), shared by the commands. */
import {
  type Authenticator,
  anyone,
  type Certificates,
  type ChangeNotice,
  type ClientSocket,
  type Clock,
  type ConnectionState,
  type Logger,
  type LoginFailures,
  type Mailbox,
  type MailboxStore,
  type Spool,
} from '@postroad/core';
import type { NameEncoding, ReaderLimits, StringOptions } from '../protocol/index.js';
import type { ConnectionCounts } from './connection-counts.js';
import { NewsPump } from './news-pump.js';
import { type Notify, stopWatching } from './notify.js';
import type { Limits, ListenConfig } from './options.js';
import type { RecentMessages } from './recent-messages.js';
import type { SearchUpdate } from './search-updates.js';
import type { SpareBuffers } from './spare-buffers.js';
import { View } from './view.js';
import { Wire } from './wire.js';

/** What all connections share. */
export interface ServerContext {
  readonly hostname: string;
  readonly store: MailboxStore;
  readonly authenticator: Authenticator;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly certificates: Certificates | undefined;
  readonly log: Logger;
  readonly limits: Limits;
  readonly counts: ConnectionCounts;
  readonly failures: LoginFailures;
  readonly spares: SpareBuffers;
  readonly recent: RecentMessages;
  /** Whether the store keeps annotations; known once the plugin has started. */
  hasAnnotations: boolean;
  /** Whether it shares mailboxes. */
  hasShares: boolean;
}

/** Extensions that change what the server says once the client has enabled them. */
export type Enabled = 'CONDSTORE' | 'QRESYNC' | 'UTF8=ACCEPT' | 'IMAP4REV2' | 'UIDONLY';

/** One connection. */
export class Session {
  readonly server: ServerContext;
  readonly listen: ListenConfig;
  readonly connection: ConnectionState;
  readonly wire: Wire;
  /** Set once logged in. */
  accountId: string | undefined;
  view: View | undefined;
  readonly enabled = new Set<Enabled>();
  /** The saved result of SEARCH (RFC 5182): UIDs, ascending. */
  savedResult: readonly number[] = [];
  /** Searches of the selected mailbox that are kept up to date (RFC 5267), by their tags. */
  readonly updates = new Map<string, SearchUpdate>();
  /** When the connection was opened, or the last user left it. */
  openedMs: number;
  /** When the last command or answer came. */
  lastActivityMs: number;
  loginFailures = 0;
  badCommands = 0;
  /** Set by LOGOUT, a fatal fault or the end of the server: no more commands are read. */
  isOver = false;
  /** Whether a command is being carried out, other than waiting in IDLE. */
  isBusy = false;
  /** What the client is told when the command under way has ended. */
  farewell: string | undefined;
  /** Whether the client waits in IDLE. */
  isIdling = false;
  /** What the client wants to hear of as it happens (RFC 5465). */
  notify: Notify | undefined;
  /** Tells more of new messages, from an index on, after the client has been told that they are there. */
  onNewMessages: ((from: number) => Promise<void>) | undefined;
  readonly pump: NewsPump;
  #stopWatching: (() => void) | undefined;

  constructor(server: ServerContext, listen: ListenConfig, client: ClientSocket) {
    this.server = server;
    this.listen = listen;
    this.connection = client.connection;
    this.connection.mayShowPassword = listen.isPlaintextAuthAllowed;
    this.openedMs = server.clock.monotonic();
    this.lastActivityMs = this.openedMs;
    this.wire = new Wire(client, loginLimits(server.limits), server.spares);
    this.pump = new NewsPump(this);
  }

  get isEncrypted(): boolean {
    return this.connection.tls !== undefined;
  }

  /** Whether a password may be sent now (RFC 9051 section 11.1). */
  get mayLogIn(): boolean {
    return this.isEncrypted || this.connection.mayShowPassword;
  }

  /** Whether STARTTLS can be done now. */
  get mayStartTls(): boolean {
    const isPossible = this.listen.tls === 'starttls' && this.server.certificates?.isAvailable !== false;
    return isPossible && !this.isEncrypted && this.accountId === undefined;
  }

  get isCondstore(): boolean {
    return this.enabled.has('CONDSTORE') || this.enabled.has('QRESYNC');
  }

  get names(): NameEncoding {
    return this.strings.isUtf8 ? 'utf-8' : 'utf-7';
  }

  get strings(): StringOptions {
    return this.enabled.has('UTF8=ACCEPT') || this.enabled.has('IMAP4REV2') ? utf8Strings : asciiStrings;
  }

  /** The account's id, for commands that need a login. */
  get account(): string {
    if (this.accountId === undefined) throw new Error('the command needs a login');
    return this.accountId;
  }

  /** The view, for commands that need a selected mailbox. */
  get selected(): View {
    if (this.view === undefined) throw new Error('the command needs a selected mailbox');
    return this.view;
  }

  /** Forgets who is logged in, and all that was enabled. */
  logOut(): void {
    this.unselect();
    this.endNotify();
    this.enabled.clear();
    this.server.counts.remove(`account ${this.account}`);
    this.accountId = undefined;
    this.connection.identity = undefined;
    this.openedMs = this.server.clock.monotonic();
    this.wire.reader.limits = loginLimits(this.server.limits);
  }

  /** Adds an untagged response. */
  untagged(octets: string): void {
    this.wire.output.write(`* ${octets}\r\n`);
  }

  /** Limits after login are wider. */
  widenLimits(): void {
    const { limits } = this.server;
    this.wire.reader.limits = {
      lineOctetsMax: limits.lineOctetsMax,
      literalOctetsMax: limits.literalOctetsMax,
      commandOctetsMax: limits.commandOctetsMax,
      literalsMax: 2000,
      skipOctetsMax: limits.messageOctetsMax * 2,
    };
  }

  /** Makes a mailbox the selected one; the caller has told what SELECT tells. */
  async select(mailbox: Mailbox, isReadOnly: boolean, rights?: string): Promise<View> {
    let view: View | undefined;
    let isStale = false;
    let areRightsStale = false;
    // Watching begins before reading, so that nothing falls between.
    const stop = this.#watch(mailbox, {
      content: () => {
        isStale = true;
        if (view === undefined) return;
        view.isStale = true;
        this.pump.request();
      },
      rights: () => {
        areRightsStale = true;
        if (view === undefined) return;
        view.areRightsStale = true;
        this.pump.request();
      },
    });
    try {
      const entries = await this.server.store.entries(mailbox.id);
      view = new View(mailbox, entries, isReadOnly, rights);
      if (!this.enabled.has('IMAP4REV2')) await this.server.recent.open(view);
      view.isStale = isStale;
      view.areRightsStale = areRightsStale;
    } catch (error) {
      stop();
      throw error;
    }
    this.unselect();
    this.#stopWatching = stop;
    this.view = view;
    return view;
  }

  /** Hears of changes of a mailbox, and of what may be done with it when it is another's. */
  #watch(mailbox: Mailbox, heard: { content(): void; rights(): void }): () => void {
    const { store } = this.server;
    const stops = [
      store.watch(mailbox.accountId, (notice) => {
        if (concerns(notice, mailbox.id)) heard.content();
      }),
    ];
    for (const accountId of mailbox.accountId === this.account ? [] : [this.account, anyone]) {
      stops.push(
        store.watch(accountId, (notice) => {
          if (notice.mailboxId === undefined && notice.annotations === undefined) heard.rights();
        }),
      );
    }
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Tells of nothing any more as it happens. */
  endNotify(): void {
    if (this.notify !== undefined) stopWatching(this.notify);
    this.notify = undefined;
    this.onNewMessages = undefined;
  }

  /** Leaves the selected mailbox. */
  unselect(): void {
    if (this.view !== undefined) this.server.recent.close(this.view);
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.view = undefined;
    this.savedResult = [];
    this.updates.clear();
  }
}

function loginLimits(limits: Limits): ReaderLimits {
  return {
    lineOctetsMax: limits.loginLineOctetsMax,
    literalOctetsMax: limits.loginLiteralOctetsMax,
    commandOctetsMax: limits.loginLineOctetsMax + 4 * limits.loginLiteralOctetsMax,
    literalsMax: 4,
    skipOctetsMax: limits.loginLineOctetsMax,
  };
}

const utf8Strings: StringOptions = { isUtf8: true };
const asciiStrings: StringOptions = { isUtf8: false };

function concerns(notice: ChangeNotice, mailboxId: string): boolean {
  if (notice.annotations !== undefined) return false;
  return notice.mailboxId === undefined || notice.mailboxId === mailboxId;
}
