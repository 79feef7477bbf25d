/** One scan by one clamd: the command INSTREAM of clamd(8), whose stream is pieces with their length in front. */
import {
  type Body,
  MailError,
  openPeer,
  type PeerAddress,
  type PeerConnection,
  type Resolver,
} from '@postroad/core';

/** What clamd found: the name of a signature, or nothing. */
export interface ScanResult {
  readonly virus: string | undefined;
}

/** What is scanned, and where. */
export interface ScanOptions {
  readonly address: PeerAddress;
  readonly body: Body;
  readonly resolver: Resolver;
  readonly signal: AbortSignal;
}

const answerOctetsMax = 4_096;
const zero = 0;

/** Scans; rejects with `E_PEER` when there is no clear answer. */
export async function scan({ address, body, resolver, signal }: ScanOptions): Promise<ScanResult> {
  const peer = await openPeer({ address, resolver, signal });
  try {
    // It may answer before it has read everything, as when the stream is too long: then its answer counts.
    const sending = send(peer, body).catch(() => undefined);
    const answer = await peer.takeUntil(zero, answerOctetsMax);
    peer.close();
    await sending;
    return readAnswer(answer.toString('utf8'));
  } finally {
    peer.close();
  }
}

async function send(peer: PeerConnection, body: Body): Promise<void> {
  // The `z` has both sides end their lines with NUL.
  await peer.send(Buffer.from('zINSTREAM\0'));
  for await (const piece of body.open()) {
    if (piece.length === 0) continue;
    await peer.send(lengthOf(piece.length));
    await peer.send(piece);
  }
  await peer.send(lengthOf(0));
}

function lengthOf(octets: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets);
  return length;
}

function readAnswer(text: string): ScanResult {
  if (text === 'stream: OK') return { virus: undefined };
  const virus = /^stream: (\S{1,500}) FOUND$/.exec(text)?.[1];
  if (virus !== undefined) return { virus };
  throw new MailError('E_PEER', `clamd answered ${JSON.stringify(text.slice(0, 200))}`);
}
