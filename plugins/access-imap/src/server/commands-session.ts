/** Commands about the connection: CAPABILITY, ID, ENABLE, NAMESPACE, LOGOUT, IDLE. */
import type { CompressCommand, EnableCommand } from '../protocol/index.js';
import { hierarchySeparator } from '../protocol/index.js';
import { capabilities } from './capabilities.js';
import { enableCondstore } from './condstore.js';
import { otherUsers } from './find-mailbox.js';
import { bad, formatOutcome, no, type Outcome, ok } from './outcome.js';
import type { Enabled, Session } from './session.js';

const enableable: ReadonlySet<string> = new Set<Enabled>([
  'CONDSTORE',
  'QRESYNC',
  'UTF8=ACCEPT',
  'UIDONLY',
  'IMAP4REV2',
]);

/** CAPABILITY. */
export function tellCapabilities(session: Session): Outcome {
  session.untagged(`CAPABILITY ${capabilities(session)}`);
  return ok('that is all');
}

/** ID (RFC 2971): who we are, without version, so that nobody learns what to attack. */
export function identify(session: Session): Outcome {
  session.untagged('ID ("name" "Postroad")');
  return ok('pleased to meet you');
}

/** ENABLE (RFC 5161): what is not known is passed over. */
export function enable(session: Session, command: EnableCommand): Outcome {
  const enabled = command.capabilities.filter(isEnableable).filter((name) => !session.enabled.has(name));
  for (const name of enabled) {
    // RFC 7162 section 3.2.3: QRESYNC brings CONDSTORE with it.
    if (name === 'CONDSTORE' || name === 'QRESYNC') enableCondstore(session);
    session.enabled.add(name);
  }
  session.untagged(enabled.length === 0 ? 'ENABLED' : `ENABLED ${enabled.join(' ')}`);
  return ok('enabled');
}

function isEnableable(name: string): name is Enabled {
  return enableable.has(name);
}

/** COMPRESS (RFC 4978): everything behind the tagged response is compressed, in both directions. */
export function compress(session: Session, command: CompressCommand, tag: string): Outcome | undefined {
  if (command.mechanism !== 'DEFLATE') return bad('the mechanism is not supported');
  if (session.wire.isCompressed) return no('already compressing', 'COMPRESSIONACTIVE');
  session.wire.output.write(formatOutcome(tag, ok('compression begins')));
  session.wire.startCompression();
  return undefined;
}

/** NAMESPACE (RFC 2342): one's own mailboxes, and those that other users share. */
export function tellNamespaces(session: Session): Outcome {
  const others = session.server.hasShares ? `(("${otherUsers}" "${hierarchySeparator}"))` : 'NIL';
  session.untagged(`NAMESPACE (("" "${hierarchySeparator}")) ${others} NIL`);
  return ok('these are the namespaces');
}

/** UNAUTHENTICATE (RFC 8437): everything but encryption and compression is as after the greeting. */
export function unauthenticate(session: Session): Outcome {
  session.logOut();
  return ok('logged out; log in again', `CAPABILITY ${capabilities(session)}`);
}

/** LOGOUT. */
export function logOut(session: Session): Outcome {
  session.isOver = true;
  session.untagged('BYE until next time');
  return ok('logged out');
}

/** IDLE (RFC 2177): changes are told as they happen, until the client says DONE. */
export async function idle(session: Session): Promise<Outcome> {
  const { wire, server } = session;
  let timer = server.clock.after(server.limits.idleNoticeMs, showLife);
  function showLife(): void {
    session.untagged('OK still here');
    wire.output.flush();
    timer = server.clock.after(server.limits.idleNoticeMs, showLife);
  }
  wire.output.write('+ idling\r\n');
  wire.reader.expectLine();
  session.isIdling = true;
  session.isBusy = false;
  try {
    session.pump.request();
    if (session.isOver) return ok('idle ended');
    const event = await wire.next();
    session.isBusy = true;
    if (event?.kind === 'line' && event.octets.toUpperCase() === 'DONE') return ok('idle ended');
    if (event === undefined) session.isOver = true;
    return bad('expected DONE');
  } finally {
    timer.cancel();
    session.isBusy = true;
    await session.pump.idle();
    session.isIdling = false;
  }
}
