/**
 * Reads a session's socket. Node.js takes fresh memory for each read of an accepted socket and gives it back a moment
 * later, which costs more than all that we do with the octets. For sockets that a program opens itself it can read into
 * a buffer of the program's (`onread` of `net.connect`); this is the same for accepted ones. All sessions of a receiver
 * share the buffer: reading is synchronous, and what is kept is copied out of it.
 *
 * It reaches into what Node.js does not promise, so it is done on the versions that it is tested with, and nowhere else;
 * `read-socket.test.ts` pins what is relied on. Everywhere else `data` events do the same (decision 0049).
 */
import { Socket } from 'node:net';

/** Enough for the kernel to hand over many segments at once, and little enough to stay in a cache. */
const readOctetsMax = 131_072;

const versionsTested: readonly string[] = ['20', '22', '24'];

/** Where octets go. A shared chunk is valid during the call only. */
export interface ChunkTaker {
  takeChunk(chunk: Buffer, isShared: boolean): void;
}

/** What a socket with a buffer of its own keeps where. */
interface Keys {
  readonly buffer: symbol;
  readonly callback: symbol;
}

type Internals = Record<symbol, unknown> & {
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
};

const keys = findKeys();

/** A buffer for sockets to share; `undefined` where that can't be done. */
export function createReadBuffer(): Buffer | undefined {
  return keys === undefined ? undefined : Buffer.allocUnsafeSlow(readOctetsMax);
}

/** Gives all octets of the socket to `taker` from now on; calling what it returns ends that. */
export function readSocket(socket: Socket, buffer: Buffer | undefined, taker: ChunkTaker): () => void {
  const internals = socket as unknown as Internals;
  // What has been read already would be passed by.
  const isSharing = buffer !== undefined && keys !== undefined && socket.readableLength === 0;
  if (!isSharing || internals._handle?.useUserBuffer === undefined) {
    const take = (chunk: Buffer): void => taker.takeChunk(chunk, false);
    socket.on('data', take);
    return () => socket.off('data', take);
  }
  internals[keys.buffer] = buffer;
  internals[keys.callback] = (octets: number): boolean => {
    taker.takeChunk(buffer.subarray(0, octets), true);
    return true;
  };
  internals._handle.useUserBuffer(buffer);
  socket.resume();
  return () => {
    internals[keys.callback] = () => true;
  };
}

function findKeys(): Keys | undefined {
  // Windows takes the buffer long before it reads into it: there it can't be shared.
  const isTested = versionsTested.includes(process.versions.node.split('.')[0] ?? '');
  if (!isTested || process.platform === 'win32') return undefined;
  const symbols = Object.getOwnPropertySymbols(new Socket());
  const find = (name: string) => symbols.find((symbol) => symbol.description === name);
  const [buffer, callback] = [find('kBuffer'), find('kBufferCb')];
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}
