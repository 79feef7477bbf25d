/** Handing a message in from code, through the same pipeline that SMTP clients meet. */
import { ConnectionState } from '../context/connection.js';
import { MailError } from '../errors.js';
import type { SubmitContent, SubmitEnvelope } from '../services/submission.js';
import type { ReceiverAnswer, ReceiverPolicy } from '../smtp/receiver.js';
import { type MailAddress, parseAddress, type ReversePath } from '../values/address.js';
import { defaultEnvelopeParameters, type EnvelopeRecipient } from '../values/envelope.js';
import { formatReply } from '../values/reply.js';
import type { House } from './house.js';

/**
 * Queues a message as if a logged-in client had sent it; resolves with its id once it is durable. Rejects with
 * `E_REFUSED`, its `reply` saying why, when a hook or a rule refuses it or one of its recipients.
 */
export async function submit(
  house: House,
  policy: ReceiverPolicy,
  envelope: SubmitEnvelope,
  content: SubmitContent,
): Promise<{ readonly id: string }> {
  const connection = codeConnection(house);
  try {
    return await handIn(policy, connection, envelope, content);
  } finally {
    connection.close();
    // Behind the observers of the message itself, as with a client that hangs up afterwards.
    setImmediate(() => policy.closed(connection));
  }
}

async function handIn(
  policy: ReceiverPolicy,
  connection: ConnectionState,
  envelope: SubmitEnvelope,
  content: SubmitContent,
): Promise<{ readonly id: string }> {
  const parameters = { ...defaultEnvelopeParameters, ...envelope.parameters };
  const begun = await policy.begin(connection, readReversePath(envelope.reversePath), parameters);
  const transaction = begun.transaction;
  if (transaction === undefined) throw refused(begun);
  for (const recipient of envelope.recipients) {
    const answer = await policy.recipient(transaction, readRecipient(recipient));
    if (answer.reply.code >= 400) throw refused(answer);
  }
  const started = await policy.dataStart(transaction);
  if (started !== undefined) throw refused(started);
  const writer = policy.body(transaction);
  try {
    for await (const chunk of withCrLf(content)) if (!writer.write(chunk)) await writer.drained();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const answers = await policy.message(transaction, await writer.finish());
  const failed = answers.find((answer) => answer.reply.code >= 400);
  if (failed !== undefined) throw refused(failed);
  return { id: transaction.id };
}

function codeConnection(house: House): ConnectionState {
  const connection = new ConnectionState({
    id: house.random.id(),
    protocol: 'code',
    role: 'internal',
    listener: 'code',
    remoteAddress: '127.0.0.1',
    remotePort: 0,
    localAddress: '127.0.0.1',
    localPort: 0,
    openedAtMs: house.clock.now(),
  });
  // Whoever runs code in this process may send: relaying is decided as for a logged-in client.
  connection.identity = { accountId: 'postroad', login: 'postroad', mechanism: 'code' };
  return connection;
}

function readReversePath(path: ReversePath | string): ReversePath {
  if (path === null || path === '') return null;
  return typeof path === 'string' ? readAddress(path) : path;
}

function readRecipient(recipient: MailAddress | string | EnvelopeRecipient): EnvelopeRecipient {
  if (typeof recipient === 'string') return { address: readAddress(recipient) };
  return 'address' in recipient ? recipient : { address: recipient };
}

function readAddress(text: string): MailAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new MailError('E_USAGE', `not a mail address: ${JSON.stringify(text)}`);
  return address;
}

function refused(answer: ReceiverAnswer): MailError {
  return new MailError('E_REFUSED', `the message was refused: ${formatReply(answer.reply)}`, {
    reply: answer.reply,
  });
}

/** The octets with every bare CR or LF turned into CRLF. */
export async function* withCrLf(content: SubmitContent): AsyncGenerator<Uint8Array> {
  const chunks = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
  let endedWithCr = false;
  for await (const chunk of chunks) {
    const text =
      typeof chunk === 'string'
        ? Buffer.from(chunk).toString('latin1')
        : Buffer.from(chunk).toString('latin1');
    // A CR at the end of a chunk has been written as CRLF: the LF that may follow belongs to it.
    const rest = endedWithCr && text.startsWith('\n') ? text.slice(1) : text;
    endedWithCr = text === '' ? endedWithCr : text.endsWith('\r');
    if (rest !== '') yield Buffer.from(rest.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1');
  }
}
