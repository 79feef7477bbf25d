/** RETR and TOP: a message as a multi-line answer, streamed. */
import { type Body, messageOf } from '@postroad/core';
import { DotStuffer, TopLimit } from './dot-stuffing.js';
import type { Session } from './session.js';

/** Answers with the message, or with its header section and `lines` lines of its body. */
export async function retrieve(session: Session, number: number, lines?: number): Promise<void> {
  const { wire, maildrop, server } = session;
  const entry = maildrop?.entry(number);
  if (entry === undefined || maildrop === undefined) {
    wire.write('-ERR no such message\r\n');
    return;
  }
  let body: Body | undefined;
  try {
    body = await maildrop.open(entry);
  } catch (error) {
    server.log.error('pop3 message can not be read', { message: entry.messageId, error: messageOf(error) });
    wire.write('-ERR [SYS/TEMP] the message can not be read now\r\n');
    return;
  }
  if (body === undefined) {
    wire.write('-ERR the message was removed by another client\r\n');
    return;
  }
  try {
    if (server.refusesUtf8Messages && !session.isUtf8 && hasOctetAbove127(body.headerBytes)) {
      // RFC 6856 section 4.
      wire.write('-ERR [UTF8] the message needs a client that reads UTF-8\r\n');
      return;
    }
    wire.write(lines === undefined ? `+OK ${body.sizeBytes} octets\r\n` : '+OK top of message follows\r\n');
    await send(session, body, lines);
    server.retrieved.increase();
    if (lines === undefined) maildrop.markRetrieved(number);
  } catch (error) {
    // The answer has begun: an end would make a cut message look whole.
    server.log.error('pop3 message is cut', { message: entry.messageId, error: messageOf(error) });
    wire.abort();
  } finally {
    await body.release();
  }
}

async function send({ wire }: Session, body: Body, lines: number | undefined): Promise<void> {
  const stuffer = new DotStuffer((piece) => {
    if (typeof piece === 'string') wire.write(piece);
    else wire.writeBytes(piece);
  });
  const limit = lines === undefined ? undefined : new TopLimit(body.headerSizeBytes, lines);
  if (body.inline !== undefined) {
    stuffer.push(limit === undefined ? body.inline : limit.take(body.inline));
  } else {
    for await (const chunk of body.open()) {
      stuffer.push(limit === undefined ? chunk : limit.take(chunk));
      if (wire.isFull) await wire.flush();
      if (wire.isGone || limit?.isReached === true) break;
    }
  }
  stuffer.end();
  // The octets are the body's: they are handed over before it is released.
  await wire.flush();
}

function hasOctetAbove127(bytes: Uint8Array): boolean {
  return bytes.some((octet) => octet > 127);
}
