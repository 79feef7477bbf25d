/** The content of a message to one filter: header fields, body, and at the end its verdict and its changes. */
import { type Body, type BodyWriter, type Clock, MailError, parseHeader, type Spool } from '@postroad/core';
import { readAnswer, type StageAnswer } from './answers.js';
import type { Changes } from './changes.js';
import type { MacroFacts } from './macros.js';
import type { MilterSession } from './session.js';
import { bodyPieceOctets, commands, type Packet, packetOf, readPacket, textsOf, wrong } from './wire.js';

/** What is needed. */
export interface SendOptions {
  readonly session: MilterSession;
  readonly changes: Changes;
  readonly facts: MacroFacts;
  readonly spool: Spool;
  readonly clock: Clock;
  /** How long the filter may be silent at the end; each sign of progress begins it anew. */
  readonly endTimeoutMs: number;
  /** Most octets of a content that it writes anew. */
  readonly contentOctetsMax: number;
  /** Takes over a body that was made. */
  adopt(body: Body): void;
  readonly signal: AbortSignal;
}

/** Sends it; the answer is the filter's last word. An answer before the end leaves the filter within the message. */
export async function sendMessage(
  options: SendOptions,
): Promise<{ readonly answer: StageAnswer; readonly isAtEnd: boolean }> {
  const early = await sendContent(options);
  if (early.kind !== 'continue') return { answer: early, isAtEnd: false };
  return { answer: await endMessage(options), isAtEnd: true };
}

async function sendContent(options: SendOptions): Promise<StageAnswer> {
  const { session, signal } = options;
  const { agreement } = session;
  if (!agreement.has('noHeaders')) {
    for (const [name, value] of fieldsOf(options)) {
      const answer = await session.ask(commands.header, [name, value], 'silentHeader', signal);
      if (answer.kind !== 'continue') return answer;
    }
  }
  if (!agreement.has('noEndOfHeader')) {
    await session.guard(signal, () => session.macros('endOfHeader', commands.endOfHeader, options.facts));
    const answer = await session.ask(commands.endOfHeader, [], 'silentEndOfHeader', signal);
    if (answer.kind !== 'continue') return answer;
  }
  return agreement.has('noBody') ? { kind: 'continue' } : await sendBody(options);
}

/** Names and values as they were received; folding is LF, as libmilter hands it on. */
function* fieldsOf({ session, changes }: SendOptions): Generator<readonly [string, Buffer]> {
  const { headerBytes } = changes;
  const octets = Buffer.from(headerBytes.buffer, headerBytes.byteOffset, headerBytes.byteLength);
  const keepsSpace = session.agreement.has('leadingSpace');
  for (const { name, start, end } of parseHeader(octets).fields) {
    const raw = octets.toString('latin1', octets.indexOf(0x3a, start) + 1, end).replace(/\r?\n$/, '');
    const value = raw.replaceAll('\r\n', '\n').replaceAll('\0', '');
    yield [name, Buffer.from(`${keepsSpace ? value : value.replace(/^ /, '')}\0`, 'latin1')];
  }
}

async function sendBody({ session, changes, signal }: SendOptions): Promise<StageAnswer> {
  const piecesMax = bodyPieceOctets(session.agreement.has);
  for await (const piece of piecesOf(changes.openContent(), piecesMax)) {
    const answer = await session.ask(commands.body, piece, 'silentBody', signal);
    // Skip: the filter has seen enough of the body.
    if (answer.kind === 'skip') return { kind: 'continue' };
    if (answer.kind !== 'continue') return answer;
  }
  return { kind: 'continue' };
}

/** The octets in pieces as large as they may be: the fewer there are, the fewer answers are waited for. */
async function* piecesOf(
  content: AsyncIterable<Uint8Array>,
  piecesMax: number,
): AsyncGenerator<readonly Uint8Array[]> {
  let piece: Uint8Array[] = [];
  let room = piecesMax;
  for await (const octets of content) {
    for (let at = 0; at < octets.length; ) {
      const part = octets.subarray(at, at + room);
      piece.push(part);
      at += part.length;
      room -= part.length;
      if (room > 0) continue;
      yield piece;
      piece = [];
      room = piecesMax;
    }
  }
  if (piece.length > 0) yield piece;
}

async function endMessage(options: SendOptions): Promise<StageAnswer> {
  const { session, facts, signal } = options;
  await session.guard(signal, async () => {
    await session.macros('endOfBody', commands.endOfBody, facts);
    await session.peer.send(packetOf(commands.endOfBody));
  });
  const content = new NewContent(options);
  try {
    for (;;) {
      const packet = await nextAtEnd(options);
      if (packet.letter === 'p') continue;
      if (await change(packet, options, content)) continue;
      const answer = readAnswer(packet);
      await content.finish();
      return answer;
    }
  } finally {
    await content.drop();
  }
}

/** The next packet, under a deadline that each packet begins anew; the hook's own deadline holds for all. */
async function nextAtEnd({ session, clock, endTimeoutMs, signal }: SendOptions): Promise<Packet> {
  const stop = new AbortController();
  const timer = clock.after(endTimeoutMs, () => stop.abort());
  const end = () =>
    session.peer.close(new MailError('E_PEER', `the milter was silent for ${endTimeoutMs} ms`));
  stop.signal.addEventListener('abort', end);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await readPacket(session.peer);
  } catch (error) {
    session.peer.close(error);
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', end);
  }
}

/** Makes a change; false for a packet that is none. A change that was not agreed is an error. */
async function change(packet: Packet, options: SendOptions, content: NewContent): Promise<boolean> {
  const { changes, session } = options;
  const { data, letter } = packet;
  const agreed = (action: Parameters<typeof session.agreement.may>[0]) => {
    if (!session.agreement.may(action)) throw wrong(`the change ${letter}, which it had not asked for`);
  };
  switch (letter) {
    case 'h': {
      agreed('addHeader');
      const [name = '', value = ''] = textsOf(data, 2);
      changes.addHeader(name, value);
      return true;
    }
    case 'i': {
      agreed('addHeader');
      const [name = '', value = ''] = textsOf(behindNumber(data), 2);
      changes.insertHeader(data.readUInt32BE(0), name, value);
      return true;
    }
    case 'm': {
      agreed('changeHeader');
      const [name = '', value = ''] = textsOf(behindNumber(data), 2);
      changes.changeHeader(data.readUInt32BE(0), name, value);
      return true;
    }
    case 'b':
      agreed('changeBody');
      await content.add(data);
      return true;
    default:
      return changeEnvelope(packet, changes, agreed);
  }
}

function changeEnvelope(
  { letter, data }: Packet,
  changes: Changes,
  agreed: (
    action: 'addRecipient' | 'addRecipientWithParameters' | 'deleteRecipient' | 'changeFrom' | 'quarantine',
  ) => void,
): boolean {
  const text = () => textsOf(data, 1)[0] ?? '';
  switch (letter) {
    case '+':
      agreed('addRecipient');
      changes.addRecipient(text());
      return true;
    case '2':
      agreed('addRecipientWithParameters');
      changes.addRecipient(text(), data.toString('utf8').split('\0')[1] ?? '');
      return true;
    case '-':
      agreed('deleteRecipient');
      changes.deleteRecipient(text());
      return true;
    case 'e':
      agreed('changeFrom');
      changes.changeFrom(text());
      return true;
    case 'q':
      agreed('quarantine');
      changes.quarantine ??= text();
      return true;
    default:
      return false;
  }
}

function behindNumber(data: Buffer): Buffer {
  if (data.length < 4) throw wrong('a change without its number');
  return data.subarray(4);
}

/** A content that a filter writes piece by piece. */
class NewContent {
  readonly #options: SendOptions;
  #writer: BodyWriter | undefined;

  constructor(options: SendOptions) {
    this.#options = options;
  }

  async add(octets: Buffer): Promise<void> {
    const { spool, changes, contentOctetsMax } = this.#options;
    if (this.#writer === undefined) {
      this.#writer = spool.writer();
      this.#writer.write(changes.original.headerBytes);
    }
    const writer = this.#writer;
    if (writer.sizeBytes + octets.length > contentOctetsMax + changes.original.headerSizeBytes) {
      throw wrong(`a content of more than ${contentOctetsMax} octets`);
    }
    if (!writer.write(octets)) await writer.drained();
  }

  async finish(): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    const body = await writer.finish();
    this.#options.adopt(body);
    this.#options.changes.content = body;
  }

  async drop(): Promise<void> {
    await this.#writer?.abort();
  }
}
