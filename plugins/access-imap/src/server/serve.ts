/** Serving one connection from greeting to BYE. */
import type { ClientSocket, Timer } from '@postroad/core';
import {
  type LiteralEvent,
  literalPurpose,
  parseCommand,
  type RawCommand,
  type ReaderEvent,
} from '../protocol/index.js';
import { type Arrivals, dropArrivals, mayAppend, newArrivals, receiveMessage } from './append.js';
import { capabilities } from './capabilities.js';
import { carryOut, finishStores, startTagged, type TaggedStore } from './dispatch.js';
import type { ListenConfig } from './options.js';
import { bad, formatOutcome, no, type Outcome } from './outcome.js';
import { type ServerContext, Session } from './session.js';

/** How long a silent connection may stand before the system looks whether the client is still there. */
const keepAliveMs = 120_000;

/** Serves a connection; resolves when it is over. `signal` aborts when the server drains. */
export async function serveConnection(
  server: ServerContext,
  listen: ListenConfig,
  client: ClientSocket,
  signal: AbortSignal,
): Promise<void> {
  const session = new Session(server, listen, client);
  const address = `address ${session.connection.remoteAddress}`;
  const { limits } = server;
  if (!server.counts.add(address, limits.connectionsPerAddressMax)) {
    session.untagged('BYE too many connections from your address');
    session.wire.close();
    return;
  }
  const onDrain = () => {
    session.isOver = true;
    session.farewell = 'BYE the server is going down';
    // A command under way is finished first; its end sees `isOver`.
    if (!session.isBusy) session.wire.close(`* ${session.farewell}\r\n`);
  };
  signal.addEventListener('abort', onDrain, { once: true });
  if (signal.aborted) onDrain();
  client.socket.setKeepAlive(true, keepAliveMs);
  const timer = watchIdleTime(session);
  try {
    session.untagged(`OK [CAPABILITY ${capabilities(session)}] ${server.hostname} ready`);
    await readCommands(session);
    if (session.farewell !== undefined) session.untagged(session.farewell);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onDrain);
    session.unselect();
    session.endNotify();
    server.counts.remove(address);
    if (session.accountId !== undefined) server.counts.remove(`account ${session.accountId}`);
    session.wire.close();
    session.connection.close();
  }
}

async function readCommands(session: Session): Promise<void> {
  const { wire } = session;
  const arrivals = newArrivals();
  try {
    let ahead: ReaderEvent | undefined;
    while (!session.isOver) {
      const event = ahead ?? (await wire.next());
      ahead = undefined;
      if (event === undefined) return;
      session.lastActivityMs = session.server.clock.monotonic();
      session.isBusy = true;
      await session.pump.idle();
      if (event.kind === 'command') ahead = await runCommands(session, event.command, arrivals);
      else if (event.kind === 'literal') await answerLiteral(session, event, arrivals);
      else if (event.kind === 'fault') {
        await dropArrivals(arrivals);
        refuse(session, event.tag, bad(event.text), event.isFatal);
      }
      if (wire.output.isFull) await wire.output.drain();
      session.isBusy = false;
      session.pump.request();
    }
  } finally {
    await dropArrivals(arrivals);
  }
}

/**
 * Runs a command; STORE commands that the client sent one behind the other are started together, so that they share a
 * commit. Returns what was read beyond them.
 */
async function runCommands(
  session: Session,
  first: RawCommand,
  arrivals: Arrivals,
): Promise<ReaderEvent | undefined> {
  const stores: TaggedStore[] = [];
  let raw = first;
  for (;;) {
    const parsed = storePattern.test(raw.texts[0] ?? '') ? parseCommand(raw, session) : undefined;
    const started =
      parsed?.status === 'command' ? startTagged(session, parsed.tag, parsed.command) : undefined;
    if (started === undefined) break;
    stores.push(started);
    const event = stores.length < storesMax ? session.wire.reader.next() : undefined;
    if (event?.kind !== 'command') {
      await finishStores(session, stores);
      return event;
    }
    raw = event.command;
  }
  await finishStores(session, stores);
  if (!session.isOver) await runCommand(session, raw, arrivals);
  return undefined;
}

/** STORE and UID STORE without a literal; most STOREs of one commit. */
const storePattern = /^\S+ (?:UID )?STORE /i;
const storesMax = 100;

async function runCommand(session: Session, raw: RawCommand, arrivals: Arrivals): Promise<void> {
  try {
    const parsed = parseCommand(raw, session);
    if (parsed.status === 'command') {
      const faults = session.badCommands;
      await carryOut(session, parsed.tag, parsed.command, arrivals);
      if (session.badCommands > faults) checkFaults(session);
      return;
    }
    const { status, tag, text, code } = parsed;
    refuse(session, tag, code === undefined ? { status, text } : { status, text, code }, false);
  } finally {
    if (arrivals.bodies.length > 0 || arrivals.failure !== undefined) await dropArrivals(arrivals);
  }
}

/** Takes a literal in, streams it to the spool when it is a message, or refuses it before it is sent. */
async function answerLiteral(session: Session, event: LiteralEvent, arrivals: Arrivals): Promise<void> {
  const { wire } = session;
  const purpose = literalPurpose(event.command, session);
  const isMessage = purpose.purpose === 'message' && session.accountId !== undefined;
  const refusal = isMessage
    ? await mayAppend(session, arrivals, purpose.mailbox, event.sizeOctets)
    : keepable(session, event);
  if (refusal !== undefined) {
    await dropArrivals(arrivals);
    const tag = event.command.texts[0]?.split(' ', 1)[0] ?? '*';
    refuse(session, tag === '' ? '*' : tag, refusal, !wire.reader.refuseLiteral());
    return;
  }
  if (isMessage) wire.reader.streamLiteral();
  else wire.reader.keepLiteral();
  if (event.isSynchronizing) wire.output.write('+ go ahead\r\n');
  if (isMessage && !(await receiveMessage(session, arrivals, event))) session.isOver = true;
}

function keepable(session: Session, event: LiteralEvent): Outcome | undefined {
  if (session.wire.reader.canKeep(event.sizeOctets)) return undefined;
  return session.accountId === undefined
    ? bad('the literal is too long')
    : no('the literal is too long', 'TOOBIG');
}

function refuse(session: Session, tag: string, outcome: Outcome, isFatal: boolean): void {
  session.badCommands++;
  session.wire.output.write(formatOutcome(tag, outcome));
  if (isFatal) {
    session.isOver = true;
    session.untagged(`BYE ${outcome.text}`);
    return;
  }
  checkFaults(session);
}

function checkFaults(session: Session): void {
  if (session.badCommands < session.server.limits.badCommandsMax) return;
  session.isOver = true;
  session.untagged('BYE too many bad commands');
}

/** One timer per connection, looked at when it fires rather than set anew with every command. */
function watchIdleTime(session: Session): Timer {
  const { clock, limits } = session.server;
  let timer: Timer;
  let movedBefore = -1;
  const look = () => {
    const allowedMs = session.accountId === undefined ? limits.loginTimeoutMs : limits.idleTimeoutMs;
    // Before login the whole time counts, so that a trickle of commands can't hold a connection.
    const sinceMs = session.accountId === undefined ? session.openedMs : session.lastActivityMs;
    const leftMs = sinceMs + allowedMs - clock.monotonic();
    if (leftMs > 0) {
      timer = clock.after(leftMs, look);
      return;
    }
    if (session.isBusy && session.accountId !== undefined) {
      // A long message on a slow line, or many of them, are no silence as long as octets come or go.
      const moved = session.wire.octetsMoved;
      if (moved !== movedBefore) {
        movedBefore = moved;
        timer = clock.after(allowedMs, look);
        return;
      }
      // In the middle of an answer there is nothing to say.
      session.isOver = true;
      session.wire.destroy();
      return;
    }
    session.isOver = true;
    session.farewell = undefined;
    session.untagged('BYE you have been silent for too long');
    if (session.wire.output.isBlocked) session.wire.destroy();
    else session.wire.close();
  };
  timer = clock.after(Math.min(limits.loginTimeoutMs, limits.idleTimeoutMs), look);
  return { cancel: () => timer.cancel() };
}
