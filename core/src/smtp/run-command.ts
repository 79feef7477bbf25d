/** From a line to the command that it is. */
import { commands, webVerbs } from './commands.js';
import type { Conversation } from './conversation.js';
import type { LineProblem } from './line-reader.js';
import { replies } from './replies.js';

const notPrintablePattern = /[^ -~]/;
const controlPattern = /[\u0000-\u001f\u007f]/;

/** Runs the command of one line, an octet a character; `hasMore` says whether something has come behind it. */
export function runCommand(session: Conversation, line: string, hasMore: boolean) {
  const blank = line.indexOf(' ');
  const verb = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
  const command = commands.get(verb);
  if (command === undefined) return refuseUnknown(session, verb, line);
  session.isDataRefused = false;
  if (hasMore && command.endsGroup === true) session.peer.hasPipelinedBadly = true;
  let text: string | undefined = line;
  if (notPrintablePattern.test(line)) {
    // Octets above 127 are allowed where an address may be, and only as UTF-8 (RFC 6531 section 3.2).
    text = command.takesUtf8 === true ? decodeUtf8(line) : undefined;
    if (text === undefined) return session.refuse(verb, replies.badCharacter);
  }
  // RFC 5321 section 4.1.1: blanks behind a command are taken.
  command.run(session, blank < 0 ? '' : text.slice(blank + 1).trimEnd());
}

/**
 * Answers a line that is none; an exchange of AUTH that it belongs to is over. A bare LF could be a message within a
 * message, so the connection ends there.
 */
export function refuseLine(session: Conversation, problem: LineProblem, isExchange: boolean): void {
  const tooLong = isExchange ? replies.exchangeTooLong : replies.lineTooLong;
  session.refuse('line', problem === 'bare' ? replies.bareLineEnd : tooLong);
  if (problem !== 'long') session.end();
}

function refuseUnknown(session: Conversation, verb: string, line: string) {
  if (!webVerbs.has(verb)) {
    // RFC 2920 section 3.1: DATA is the last of a group. Lines of a message must never run as commands.
    if (session.isDataRefused) session.end();
    return session.refuse(
      'command',
      notPrintablePattern.test(verb) ? replies.badCharacter : replies.unknownCommand,
      line,
    );
  }
  session.refuse('command', replies.httpRequest);
  session.end();
}

function decodeUtf8(line: string): string | undefined {
  if (controlPattern.test(line)) return undefined;
  const octets = Buffer.from(line, 'latin1');
  const text = octets.toString('utf8');
  return Buffer.from(text).equals(octets) ? text : undefined;
}
