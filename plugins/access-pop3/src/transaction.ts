/** Commands of the TRANSACTION state (RFC 1939 sections 5 to 7). */
import { messageOf } from '@postroad/core';
import { capa, lang } from './capabilities.js';
import type { Maildrop } from './maildrop.js';
import { retrieve } from './retrieve.js';
import type { Command, Session } from './session.js';

/** By keyword. */
export const transactionCommands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['STAT', stat],
  ['LIST', (session, argument) => list(session, argument, (_maildrop, entry) => String(entry.sizeBytes))],
  ['UIDL', (session, argument) => list(session, argument, (maildrop, entry) => maildrop.uniqueId(entry))],
  ['RETR', (session, argument) => withNumber(session, argument, (number) => retrieve(session, number))],
  ['DELE', (session, argument) => withNumber(session, argument, (number) => dele(session, number))],
  ['TOP', top],
  ['NOOP', (session) => session.wire.write('+OK\r\n')],
  ['RSET', rset],
  ['CAPA', capa],
  ['LANG', lang],
  ['QUIT', quit],
]);

function stat(session: Session): void {
  const { messages, octets } = maildropOf(session).totals();
  session.wire.write(`+OK ${messages} ${octets}\r\n`);
}

/** LIST and UIDL: one message, or all that are not marked as deleted. */
async function list(
  session: Session,
  argument: string,
  describe: (maildrop: Maildrop, entry: NonNullable<ReturnType<Maildrop['entry']>>) => string,
): Promise<void> {
  const { wire } = session;
  const maildrop = maildropOf(session);
  if (argument.trim() !== '') {
    await withNumber(session, argument, (number) => {
      const entry = maildrop.entry(number);
      wire.write(entry === undefined ? noSuchMessage : `+OK ${number} ${describe(maildrop, entry)}\r\n`);
    });
    return;
  }
  const { messages, octets } = maildrop.totals();
  wire.write(`+OK ${messages} messages (${octets} octets)\r\n`);
  for (let number = 1; number <= maildrop.last; number++) {
    const entry = maildrop.entry(number);
    if (entry !== undefined) wire.write(`${number} ${describe(maildrop, entry)}\r\n`);
    if (wire.isFull) await wire.flush();
    if (wire.isGone) return;
  }
  wire.write('.\r\n');
}

function dele(session: Session, number: number): void {
  const maildrop = maildropOf(session);
  if (maildrop.entry(number) === undefined) {
    session.wire.write(noSuchMessage);
    return;
  }
  maildrop.markDeleted(number);
  session.wire.write(`+OK message ${number} deleted\r\n`);
}

async function top(session: Session, argument: string): Promise<void> {
  const match = /^(\d{1,10}) +(\d{1,10}) *$/.exec(argument);
  if (match === null) session.wire.write('-ERR a message number and a number of lines are needed\r\n');
  else await retrieve(session, Number(match[1]), Number(match[2]));
}

function rset(session: Session): void {
  const maildrop = maildropOf(session);
  maildrop.unmark();
  session.wire.write(`+OK ${maildrop.totals().messages} messages\r\n`);
}

/** The UPDATE state: only here is anything deleted (RFC 1939 section 6). */
async function quit(session: Session): Promise<void> {
  const { wire, connection, server } = session;
  const maildrop = maildropOf(session);
  session.isEnding = true;
  try {
    await maildrop.commit();
    server.log.info('pop3 session ends', { connection: connection.id, deleted: maildrop.deleted });
    wire.write('+OK bye\r\n');
  } catch (error) {
    server.log.error('pop3 messages can not be deleted', {
      connection: connection.id,
      error: messageOf(error),
    });
    wire.write('-ERR [SYS/TEMP] some deleted messages were not removed\r\n');
  }
}

const noSuchMessage = '-ERR no such message\r\n';

async function withNumber(
  session: Session,
  argument: string,
  run: (number: number) => void | Promise<void>,
): Promise<void> {
  const match = /^(\d{1,10}) *$/.exec(argument);
  if (match === null) session.wire.write('-ERR a message number is needed\r\n');
  else await run(Number(match[1]));
}

function maildropOf(session: Session): Maildrop {
  if (session.maildrop === undefined)
    throw new TypeError('a command of the TRANSACTION state came too early');
  return session.maildrop;
}
