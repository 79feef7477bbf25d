/** Which command does what, in which state, and whether EXPUNGE may be told at its end. */
import {
  type Command,
  type CommandName,
  type NotifyCommand,
  type StoreCommand,
  usesSequenceNumbers,
} from '../protocol/index.js';
import { getAccess, listRights, myRights, setAccess } from './access.js';
import { type Arrivals, append } from './append.js';
import { create, remove, rename, subscribe } from './commands-mailbox.js';
import {
  compress,
  enable,
  identify,
  idle,
  logOut,
  tellCapabilities,
  tellNamespaces,
  unauthenticate,
} from './commands-session.js';
import { copy } from './copy.js';
import { expunge } from './expunge.js';
import { fetch, fetchNew } from './fetch.js';
import { list } from './list.js';
import { authenticate, logIn, startTls } from './login.js';
import { getMetadata, setMetadata } from './metadata.js';
import { multiSearch } from './multi-search.js';
import { refreshRights, tellNews } from './news.js';
import { notify } from './notify.js';
import { bad, formatOutcome, no, type Outcome, ok, outcomeOfError } from './outcome.js';
import { getQuota, getQuotaRoot } from './quota.js';
import { replace } from './replace.js';
import { search } from './search.js';
import { cancelUpdates } from './search-updates.js';
import { close, select, unselect } from './select.js';
import type { Session } from './session.js';
import { sort } from './sort.js';
import { status } from './status.js';
import { startStore, storeFlags } from './store-flags.js';
import { thread } from './thread-messages.js';

/** In which state a command may be given (RFC 9051 section 3). */
type State = 'any' | 'not-authenticated' | 'authenticated' | 'selected';

/** What a command gets. */
interface Call {
  readonly tag: string;
  readonly arrivals: Arrivals;
}

type Run<C extends Command> = (
  session: Session,
  command: C,
  call: Call,
) => Outcome | undefined | Promise<Outcome | undefined>;

interface Row<C extends Command> {
  readonly state: State;
  readonly run: Run<C>;
  /** RFC 9051 section 7.5.1: sequence numbers must not change under FETCH, STORE and SEARCH that use them. */
  readonly keepsNumbers?: true;
}

type Table = { readonly [Name in CommandName]?: Row<Extract<Command, { readonly name: Name }>> };

const done = (text: string) => () => ok(text);

const table: Table = {
  CAPABILITY: { state: 'any', run: tellCapabilities },
  NOOP: { state: 'any', run: done('nothing done') },
  LOGOUT: { state: 'any', run: logOut },
  ID: { state: 'any', run: identify },
  STARTTLS: { state: 'not-authenticated', run: (session, _, call) => startTls(session, call.tag) },
  LOGIN: { state: 'not-authenticated', run: logIn },
  AUTHENTICATE: { state: 'not-authenticated', run: authenticate },
  UNAUTHENTICATE: { state: 'authenticated', run: unauthenticate },
  ENABLE: { state: 'authenticated', run: enable },
  NAMESPACE: { state: 'authenticated', run: tellNamespaces },
  SELECT: { state: 'authenticated', run: select },
  EXAMINE: { state: 'authenticated', run: select },
  CREATE: { state: 'authenticated', run: create },
  DELETE: { state: 'authenticated', run: remove },
  RENAME: { state: 'authenticated', run: rename },
  SUBSCRIBE: { state: 'authenticated', run: subscribe },
  UNSUBSCRIBE: { state: 'authenticated', run: subscribe },
  LIST: { state: 'authenticated', run: list },
  LSUB: { state: 'authenticated', run: list },
  STATUS: { state: 'authenticated', run: status },
  GETQUOTA: { state: 'authenticated', run: getQuota },
  GETQUOTAROOT: { state: 'authenticated', run: getQuotaRoot },
  GETACL: { state: 'authenticated', run: getAccess },
  SETACL: { state: 'authenticated', run: setAccess },
  DELETEACL: { state: 'authenticated', run: setAccess },
  LISTRIGHTS: { state: 'authenticated', run: listRights },
  MYRIGHTS: { state: 'authenticated', run: myRights },
  NOTIFY: { state: 'authenticated', run: notifyWithItems },
  GETMETADATA: { state: 'authenticated', run: getMetadata },
  SETMETADATA: { state: 'authenticated', run: setMetadata },
  COMPRESS: { state: 'authenticated', run: (session, command, call) => compress(session, command, call.tag) },
  APPEND: {
    state: 'authenticated',
    run: (session, command, call) => append(session, command, call.arrivals),
  },
  IDLE: { state: 'authenticated', run: idle },
  CHECK: { state: 'selected', run: done('checked') },
  CLOSE: { state: 'selected', run: close },
  UNSELECT: { state: 'selected', run: unselect },
  EXPUNGE: { state: 'selected', run: expunge },
  FETCH: { state: 'selected', run: fetch, keepsNumbers: true },
  STORE: { state: 'selected', run: storeFlags, keepsNumbers: true },
  SEARCH: {
    state: 'selected',
    run: (session, command, call) => search(session, command, call.tag),
    keepsNumbers: true,
  },
  ESEARCH: {
    state: 'authenticated',
    run: (session, command, call) => multiSearch(session, command, call.tag),
  },
  CANCELUPDATE: { state: 'selected', run: cancelUpdates },
  SORT: {
    state: 'selected',
    run: (session, command, call) => sort(session, command, call.tag),
    keepsNumbers: true,
  },
  THREAD: {
    state: 'selected',
    run: (session, command, call) => thread(session, command, call.tag),
    keepsNumbers: true,
  },
  REPLACE: { state: 'selected', run: (session, command, call) => replace(session, command, call.arrivals) },
  COPY: { state: 'selected', run: copy },
  MOVE: { state: 'selected', run: copy },
};

/** NOTIFY; what it wants to hear of new messages is what a FETCH would tell. */
async function notifyWithItems(session: Session, command: NotifyCommand): Promise<Outcome> {
  const outcome = await notify(session, command);
  const items = session.notify?.selected?.items ?? [];
  session.onNewMessages = items.length === 0 ? undefined : (from) => fetchNew(session, items, from);
  return outcome;
}

/** Carries a command out, tells what changed meanwhile, and ends it with its tagged response. */
export async function carryOut(
  session: Session,
  tag: string,
  command: Command,
  arrivals: Arrivals,
): Promise<void> {
  const row = table[command.name] as Row<Command> | undefined;
  const refusal =
    row === undefined
      ? badState('unknown command')
      : (refusalOf(session, row.state) ?? refusalOfNumbers(session, command));
  if (row === undefined || refusal !== undefined) {
    session.badCommands++;
    session.wire.output.write(formatOutcome(tag, refusal ?? badState('unknown command')));
    return;
  }
  const { view } = session;
  if (view?.areRightsStale === true && !(await refreshRights(session, view))) return;
  const outcome = await guard(session, command, () => row.run(session, command, { tag, arrivals }));
  // Behind BYE there is nothing to tell.
  if (session.view !== undefined && !session.isOver) {
    const mayExpunge = row.keepsNumbers !== true || ('isUid' in command && command.isUid);
    const failure = await guard(session, command, async () => {
      await tellNews(session, mayExpunge);
      return undefined;
    });
    if (failure !== undefined && failure !== outcome) session.isOver = true;
  }
  if (outcome !== undefined) session.wire.output.write(formatOutcome(tag, outcome));
}

/** A STORE that was started, with its tag. */
export interface TaggedStore {
  readonly tag: string;
  readonly command: StoreCommand;
  finish(): Promise<Outcome>;
}

/** Starts a STORE that came with others behind it; `undefined` when it has to be carried out by itself. */
export function startTagged(session: Session, tag: string, command: Command): TaggedStore | undefined {
  if (command.name !== 'STORE' || session.accountId === undefined) return undefined;
  if (refusalOfNumbers(session, command) !== undefined) return undefined;
  const started = startStore(session, command);
  return started === undefined ? undefined : { tag, command, finish: () => started.finish() };
}

/** Answers STORE commands that were started together, in their order; what else is new is told at the last of them. */
export async function finishStores(session: Session, stores: readonly TaggedStore[]): Promise<void> {
  for (const [at, { tag, command, finish }] of stores.entries()) {
    const outcome = await guard(session, command, finish);
    if (at === stores.length - 1 && session.view !== undefined) {
      const failure = await guard(session, command, async () => {
        await tellNews(session, command.isUid);
        return undefined;
      });
      if (failure !== undefined) session.isOver = true;
    }
    if (outcome !== undefined) session.wire.output.write(formatOutcome(tag, outcome));
  }
}

/** Runs a step; what goes wrong becomes its outcome, so that one broken command does not end the connection. */
async function guard(
  session: Session,
  command: Command,
  run: () => Outcome | undefined | Promise<Outcome | undefined>,
): Promise<Outcome | undefined> {
  try {
    return await run();
  } catch (error) {
    const outcome = outcomeOfError(error);
    if (outcome !== undefined) return outcome;
    session.server.log.error('imap command failed', {
      connection: session.connection.id,
      command: command.name,
      error,
    });
    return no('the server could not do it', 'SERVERBUG');
  }
}

/** With UIDONLY nothing may be named by sequence number (RFC 9586 section 3). */
function refusalOfNumbers(session: Session, command: Command): Outcome | undefined {
  if (!session.enabled.has('UIDONLY')) return undefined;
  const isByNumber =
    ('isUid' in command && !command.isUid) ||
    ('program' in command && usesSequenceNumbers(command.program)) ||
    ('qresync' in command && command.qresync?.match !== undefined);
  return isByNumber ? bad('messages are named by UID only', 'UIDREQUIRED') : undefined;
}

function refusalOf(session: Session, state: State): Outcome | undefined {
  const isLoggedIn = session.accountId !== undefined;
  switch (state) {
    case 'any':
      return undefined;
    case 'not-authenticated':
      return isLoggedIn ? badState('already logged in') : undefined;
    case 'authenticated':
      return isLoggedIn ? undefined : badState('log in first');
    case 'selected':
      if (!isLoggedIn) return badState('log in first');
      return session.view === undefined ? badState('select a mailbox first') : undefined;
  }
}

function badState(text: string): Outcome {
  return { status: 'BAD', text };
}
