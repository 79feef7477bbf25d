/** BDAT: the message in chunks of a known size (RFC 3030). */
import type { TransactionState } from '../context/transaction.js';
import { messageRefusal } from './command-data.js';
import type { Conversation } from './conversation.js';
import { IncomingMessage } from './incoming-message.js';
import type { ReceiverAnswer } from './receiver.js';
import { replies } from './replies.js';

/** A chunk that is announced larger than the message may be by so much is not waited for. */
const oversizeOctetsMax = 4_194_304;

/** Takes a chunk, or refuses it; its octets are read in either case, never as commands. */
export function takeChunk(session: Conversation, argument: string) {
  const match = /^(\d{1,15})( LAST)?$/i.exec(argument);
  if (match === null) {
    // How many octets follow is not known, so nothing behind this can be understood.
    session.refuse('BDAT', replies.syntax);
    return session.end();
  }
  const octets = Number(match[1]);
  const isLast = match[2] !== undefined;
  const { sizeBytesMax } = session.shared.options.limits;
  const sizeBytes = (session.incoming?.sizeBytes ?? 0) + octets;
  const refusal = sizeBytes > sizeBytesMax ? replies.tooLarge : messageRefusal(session);
  if (sizeBytes > sizeBytesMax + oversizeOctetsMax) {
    session.refuse('BDAT', replies.tooLarge);
    return session.end();
  }
  if (refusal !== undefined) return refuseChunk(session, octets, { reply: refusal });
  if (session.incoming !== undefined) return readChunk(session, octets, isLast);
  session.ask(session.shared.policy.dataStart(transactionOf(session)), (_, answer) => {
    if (answer !== undefined) return refuseChunk(session, octets, answer);
    const isBinary = transactionOf(session).parameters.bodyType === 'binarymime';
    session.incoming = new IncomingMessage(session, isBinary ? 'binary' : 'chunks');
    readChunk(session, octets, isLast);
  });
}

function readChunk(session: Conversation, octets: number, isLast: boolean): void {
  session.shared.counters.chunks.increase();
  session.readMessage('chunk');
  session.incoming?.beginChunk(octets, isLast);
}

/** RFC 3030 section 2: the octets come all the same. The message can't be completed any more. */
function refuseChunk(session: Conversation, octets: number, answer: ReceiverAnswer): void {
  session.discard(octets);
  session.refuse('BDAT', answer.reply);
  if (answer.close === true) session.end();
  session.endTransaction();
}

function transactionOf(session: Conversation): TransactionState {
  if (session.transaction === undefined) throw new Error('no transaction is under way');
  return session.transaction;
}
