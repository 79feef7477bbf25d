/** The verbs that are known, and who runs them. */
import { authenticate } from './command-auth.js';
import { takeChunk } from './command-bdat.js';
import { startData } from './command-data.js';
import { sayHello } from './command-hello.js';
import { beginTransaction } from './command-mail.js';
import { addRecipient } from './command-rcpt.js';
import { startTls } from './command-starttls.js';
import { takeClient, takeForwarded } from './command-xclient.js';
import type { Conversation } from './conversation.js';
import { replies } from './replies.js';

/** A command: what it does with what stands behind its verb. */
export interface Command {
  run(session: Conversation, argument: string): void;
  /** Whether the argument may hold UTF-8 (RFC 6531 section 3.2); otherwise it is refused before `run`. */
  readonly takesUtf8?: boolean;
  /** Whether the client must wait for its answer before it sends on (RFC 2920 section 3.1). */
  readonly endsGroup?: boolean;
}

/** Commands by verb, in capitals. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['EHLO', { run: (session, argument) => sayHello(session, 'EHLO', argument), endsGroup: true }],
  ['HELO', { run: (session, argument) => sayHello(session, 'HELO', argument), endsGroup: true }],
  ['LHLO', { run: (session, argument) => sayHello(session, 'LHLO', argument), endsGroup: true }],
  ['MAIL', { run: beginTransaction, takesUtf8: true }],
  ['RCPT', { run: addRecipient, takesUtf8: true }],
  ['DATA', { run: startData, endsGroup: true }],
  ['BDAT', { run: takeChunk }],
  ['RSET', { run: reset }],
  ['NOOP', { run: (session) => session.say(replies.ok) }],
  ['QUIT', { run: quit }],
  ['VRFY', { run: verify, takesUtf8: true }],
  ['EXPN', { run: (session) => session.refuse('EXPN', replies.expnOff), takesUtf8: true }],
  ['HELP', { run: (session) => session.say(replies.help) }],
  ['XCLIENT', { run: takeClient }],
  ['XFORWARD', { run: takeForwarded }],
  ['STARTTLS', { run: startTls }],
  ['AUTH', { run: authenticate }],
]);

/** What web browsers and proxies say first; answering them on would let a page send mail. */
export const webVerbs: ReadonlySet<string> = new Set([
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'TRACE',
  'CONNECT',
  'HOST:',
]);

function reset(session: Conversation, argument: string) {
  if (argument !== '') return session.refuse('RSET', replies.syntax);
  session.endTransaction();
  session.say(replies.ok);
}

/** RFC 5321 section 4.1.1.10: no argument; nothing behind it is looked at. */
function quit(session: Conversation, argument: string) {
  if (argument !== '') return session.refuse('QUIT', replies.syntax);
  session.endTransaction();
  session.say(replies.bye);
  session.end();
}

function verify(session: Conversation, argument: string) {
  if (argument === '') return session.refuse('VRFY', replies.syntax);
  session.say(replies.cannotVerify);
}
