/** The loop that reads a client's commands (RFC 1939 section 3), and what surrounds it. */
import type { ClientSocket } from '@postroad/core';
import { authorizationCommands } from './authorization.js';
import type { Pop3Port, Pop3Server, Session } from './session.js';
import { transactionCommands } from './transaction.js';
import { tooLong, Wire } from './wire.js';

/** Serves one client until it leaves or the signal aborts; the socket is closed afterwards. */
export async function serveClient(
  server: Pop3Server,
  port: Pop3Port,
  client: ClientSocket,
  signal: AbortSignal,
): Promise<void> {
  const { limits, clock } = server;
  const wire = new Wire(client.socket, {
    clock,
    lineOctetsMax: limits.lineOctetsMax,
    scratch: server.scratch,
    readBuffer: server.readBuffer,
    silenceMs: Math.min(limits.loginTimeoutMs, limits.idleTimeoutMs),
  });
  const session: Session = {
    server,
    port,
    client,
    connection: client.connection,
    wire,
    userName: undefined,
    isUtf8: false,
    loginFailures: 0,
    maildrop: undefined,
    isEnding: false,
  };
  session.connection.mayShowPassword = port.isPlaintextAuthAllowed;
  // Who talks all the time without logging in is sent away as well.
  const loginTimer = clock.after(limits.loginTimeoutMs, () => {
    if (session.maildrop === undefined) wire.abort();
  });
  const stop = () => wire.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    wire.write('+OK POP3 ready\r\n');
    await runCommands(session);
  } finally {
    loginTimer.cancel();
    signal.removeEventListener('abort', stop);
    wire.close();
    server.locks.release(session.connection.id);
  }
}

async function runCommands(session: Session): Promise<void> {
  const { wire, server } = session;
  let badCommands = 0;
  while (!session.isEnding) {
    const line = await wire.nextLine();
    if (line === undefined) return;
    const isKnown = line !== tooLong && (await runCommand(session, line));
    if (isKnown) continue;
    if (line === tooLong) wire.write('-ERR line is too long\r\n');
    if (++badCommands < server.limits.badCommandsMax) continue;
    wire.write('-ERR too many bad commands\r\n');
    return;
  }
}

/** Whether it was a command. RFC 2449 section 4: keywords ignore case. */
async function runCommand(session: Session, line: string): Promise<boolean> {
  const blank = line.indexOf(' ');
  const keyword = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
  const argument = blank < 0 ? '' : line.slice(blank + 1);
  const commands = session.maildrop === undefined ? authorizationCommands : transactionCommands;
  const command = commands.get(keyword);
  if (command === undefined) {
    const isElsewhere = authorizationCommands.has(keyword) || transactionCommands.has(keyword);
    session.wire.write(isElsewhere ? '-ERR not now\r\n' : '-ERR unknown command\r\n');
    return false;
  }
  await command(session, argument);
  // RFC 1939 section 7: PASS must follow USER at once.
  if (keyword !== 'USER') session.userName = undefined;
  if (session.wire.isFull) await session.wire.flush();
  return true;
}
