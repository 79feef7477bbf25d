/** Sending a message: by DATA up to the dot, or by BDAT in counted chunks (RFC 3030). */
import type { MaybePromise } from '@postroad/core';
import type { Content } from './content.js';
import type { ServerReply } from './reply-parser.js';
import type { SmtpConnection } from './smtp-connection.js';
import type { Timeouts } from './timeouts.js';
import { WireContent } from './wire-content.js';

/** Chunks that may be on the way without an answer. */
const chunksUnansweredMax = 4;

/** Sends it for DATA, no faster than the server takes it; so many replies are due afterwards. */
export async function sendStuffed(
  connection: SmtpConnection,
  content: Content,
  options: { readonly replies: number; readonly timeouts: Timeouts },
): Promise<void> {
  const wire = new WireContent(true);
  connection.cork();
  writePieces(connection, wire.push(content.prefix));
  if (content.body.inline !== undefined) {
    // All at once, with the final dot: one or two packets for a small message.
    writePieces(connection, wire.push(content.body.inline));
  } else {
    for await (const chunk of content.body.open()) {
      const isTaken = writePieces(connection, wire.push(chunk));
      connection.uncork();
      // A refusal that came meanwhile ends the message here.
      if (connection.error !== undefined) throw connection.error;
      if (!isTaken) await connection.drain(options.timeouts.blockMs);
      connection.cork();
    }
  }
  connection.endMessage(wire.end(), options.replies);
  connection.uncork();
}

/** A whole small message as one last chunk, to be sent with the envelope; `undefined` when it is not in memory. */
export function lastChunk(content: Content): readonly Uint8Array[] | undefined {
  const { inline } = content.body;
  if (inline === undefined) return undefined;
  const pieces = piecesOf(content, [content.prefix, inline]);
  return [Buffer.from(`BDAT ${octetsOf(pieces)} LAST\r\n`), ...pieces];
}

/**
 * Sends it in chunks while the answers come in. Gives the refusal of a chunk, after which the transaction is over;
 * otherwise so many replies to the last chunk are due.
 */
export async function sendChunks(
  connection: SmtpConnection,
  content: Content,
  options: {
    readonly replies: number;
    readonly timeouts: Timeouts;
    hear(timeoutMs: number): MaybePromise<ServerReply>;
  },
): Promise<ServerReply | undefined> {
  const { timeouts } = options;
  const wire = content.isBinary ? undefined : new WireContent(false);
  let unanswered = 0;
  let refusal: ServerReply | undefined;
  const hear = async (): Promise<void> => {
    const said = await options.hear(timeouts.finalMs);
    unanswered--;
    if (said.code >= 300) refusal ??= said;
  };
  const send = async (pieces: readonly Uint8Array[]): Promise<void> => {
    const octets = octetsOf(pieces);
    if (octets === 0) return;
    connection.cork();
    connection.send(`BDAT ${octets}\r\n`, 1, 'data');
    unanswered++;
    const isTaken = writePieces(connection, pieces);
    connection.uncork();
    if (connection.error !== undefined) throw connection.error;
    if (!isTaken) await connection.drain(timeouts.blockMs);
    if (unanswered > chunksUnansweredMax) await hear();
  };
  await send(wire?.push(content.prefix) ?? [content.prefix]);
  for await (const chunk of content.body.open()) {
    await send(wire?.push(chunk) ?? [chunk]);
    if (refusal !== undefined) break;
  }
  if (refusal === undefined && wire !== undefined) await send([wire.end()]);
  while (unanswered > 0) await hear();
  if (refusal === undefined) connection.endMessage(Buffer.from('BDAT 0 LAST\r\n'), options.replies);
  return refusal;
}

function piecesOf(content: Content, parts: readonly Uint8Array[]): readonly Uint8Array[] {
  if (content.isBinary) return parts;
  const wire = new WireContent(false);
  const pieces = parts.flatMap((part) => [...wire.push(part)]);
  return [...pieces, wire.end()];
}

function octetsOf(pieces: readonly Uint8Array[]): number {
  let octets = 0;
  for (const piece of pieces) octets += piece.length;
  return octets;
}

function writePieces(connection: SmtpConnection, pieces: readonly Uint8Array[]): boolean {
  let isTaken = true;
  for (const piece of pieces) if (piece.length > 0) isTaken = connection.write(piece);
  return isTaken;
}
