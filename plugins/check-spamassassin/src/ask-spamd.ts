/** One question to one spamd, in the spamc protocol 1.5: a request line and fields, the message, and an answer alike. */
import {
  type Body,
  MailError,
  openPeer,
  type PeerAddress,
  type PeerConnection,
  type Resolver,
  type Spool,
} from '@postroad/core';

/** What is asked: `REPORT` for the rules, `HEADERS` for the new header section, `PROCESS` for the whole new message. */
export type SpamdCommand = 'REPORT' | 'HEADERS' | 'PROCESS';

/** The question. */
export interface Question {
  readonly command: SpamdCommand;
  readonly address: PeerAddress;
  readonly user: string | undefined;
  readonly body: Body;
  readonly resolver: Resolver;
  readonly spool: Spool;
  readonly signal: AbortSignal;
}

/** What spamd says. */
export interface SpamdAnswer {
  readonly isSpam: boolean;
  readonly score: number;
  readonly threshold: number;
  /** The report, or the new header section. */
  readonly text: Buffer;
  /** The new message, for `PROCESS`; the caller owns it. */
  readonly message: Body | undefined;
}

const lineFeed = 0x0a;
const lineOctetsMax = 1_000;
const fieldsMax = 50;
const textOctetsMax = 2_097_152;

/** Asks; rejects with `E_PEER` when there is no whole answer. */
export async function askSpamd(question: Question): Promise<SpamdAnswer> {
  const { address, resolver, signal } = question;
  const peer = await openPeer({ address, resolver, signal });
  try {
    // It may answer with an error before it has read everything.
    const sending = send(peer, question).catch(() => undefined);
    const answer = await readAnswer(peer, question);
    peer.close();
    await sending;
    return answer;
  } finally {
    peer.close();
  }
}

async function send(peer: PeerConnection, { command, user, body }: Question): Promise<void> {
  const lines = [`${command} SPAMC/1.5`, `Content-length: ${body.sizeBytes}`];
  if (user !== undefined) lines.push(`User: ${user}`);
  await peer.send(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  for await (const piece of body.open()) await peer.send(piece);
  peer.end();
}

async function readAnswer(peer: PeerConnection, question: Question): Promise<SpamdAnswer> {
  const status = await readLine(peer);
  // The second word is a code of sysexits.h.
  if (!/^SPAMD\/\d+\.\d+ 0 /.test(status)) throw wrong(`answered ${JSON.stringify(status.slice(0, 200))}`);
  const fields = await readFields(peer);
  const [, verdict, score, threshold] =
    /^(true|yes|false|no) *; *(-?\d+(?:\.\d+)?) *\/ *(-?\d+(?:\.\d+)?)$/i.exec(fields.get('spam') ?? '') ??
    [];
  const octets = Number(fields.get('content-length'));
  if (verdict === undefined) throw wrong('did not say whether it is spam');
  if (!Number.isSafeInteger(octets) || octets < 0) throw wrong('did not say how long its answer is');
  const said = { isSpam: /^[ty]/i.test(verdict), score: Number(score), threshold: Number(threshold) };
  if (question.command !== 'PROCESS') {
    if (octets > textOctetsMax) throw wrong(`wants to send ${octets} octets`);
    return { ...said, text: await peer.take(octets), message: undefined };
  }
  const { body, spool } = question;
  if (octets > body.sizeBytes * 2 + textOctetsMax) throw wrong(`wants to send ${octets} octets`);
  const message = await spool.store(withLineEnds(contentOf(peer, octets)));
  return { ...said, text: Buffer.alloc(0), message };
}

async function readFields(peer: PeerConnection): Promise<ReadonlyMap<string, string>> {
  const fields = new Map<string, string>();
  for (let count = 0; count < fieldsMax; count++) {
    const line = await readLine(peer);
    if (line === '') return fields;
    const colon = line.indexOf(':');
    if (colon < 1) throw wrong('sent a line that is no field');
    fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  throw wrong('sent too many fields');
}

async function readLine(peer: PeerConnection): Promise<string> {
  return (await peer.takeUntil(lineFeed, lineOctetsMax)).toString('utf8').replace(/\r$/, '');
}

async function* contentOf(peer: PeerConnection, octets: number): AsyncGenerator<Buffer> {
  const pieceMax = 65_536;
  for (let left = octets; left > 0; left -= pieceMax) yield await peer.take(Math.min(left, pieceMax));
}

/** Every line end as CRLF: what spamd adds may end in LF only. */
async function* withLineEnds(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let before = 0;
  for await (const piece of pieces) {
    const out: Buffer[] = [];
    let start = 0;
    for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1)) {
      if ((at === 0 ? before : piece[at - 1]) === 0x0d) continue;
      out.push(piece.subarray(start, at), Buffer.from('\r\n'));
      start = at + 1;
    }
    out.push(piece.subarray(start));
    before = piece[piece.length - 1] ?? before;
    yield Buffer.concat(out);
  }
}

function wrong(what: string): MailError {
  return new MailError('E_PEER', `spamd ${what}`);
}
