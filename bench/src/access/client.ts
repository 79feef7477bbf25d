/**
 * A client that costs little: it looks only at the end of what comes for the tagged response, and counts octets. So the
 * server is measured, not the client.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The end of what has come, in which the last line is found. */
const tailOctets = 4096;

/** One connection. */
export interface LoadClient {
  /** Sends a command and waits for its tagged response, which must be OK. Resolves with the end of what came. */
  run(command: string): Promise<string>;
  /** Sends octets and waits until what has come since ends as the pattern says. */
  exchange(octets: string | Buffer, end: RegExp): Promise<string>;
  readonly octetsRead: () => number;
  close(): Promise<void>;
}

/** Connects and waits for the greeting. */
export async function connectLoad(port: number): Promise<LoadClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let tail = '';
  let octets = 0;
  let waiting: { readonly end: RegExp; readonly resolve: (text: string) => void } | undefined;
  let fail: ((error: Error) => void) | undefined;
  socket.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    tail = (tail + chunk.subarray(Math.max(0, chunk.length - tailOctets)).toString('latin1')).slice(
      -tailOctets,
    );
    if (waiting === undefined || !tail.endsWith('\r\n') || !waiting.end.test(tail)) return;
    const { resolve } = waiting;
    waiting = undefined;
    resolve(tail);
  });
  const onEnd = () => fail?.(new Error(`the server closed the connection: ${tail}`));
  socket.on('close', onEnd);
  socket.on('error', onEnd);
  const exchange = (sent: string | Buffer, end: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      tail = '';
      waiting = { end, resolve };
      fail = reject;
      if (sent.length > 0) socket.write(sent);
    });
  await exchange('', /\r\n$/);
  let tags = 0;
  return {
    exchange,
    octetsRead: () => octets,
    async run(command) {
      const tag = `a${++tags}`;
      const text = await exchange(`${tag} ${command}\r\n`, new RegExp(`(?:^|\\n)${tag} [^\\r\\n]*\\r\\n$`));
      if (!text.includes(`${tag} OK`)) throw new Error(`${command.slice(0, 80)}: ${text.slice(-200)}`);
      return text;
    },
    close: () => end(socket),
  };
}

async function end(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
}

/** Connects and logs in; selects INBOX unless told not to. */
export async function logIn(port: number, name: string, isSelecting = true): Promise<LoadClient> {
  const client = await connectLoad(port);
  await client.run(`LOGIN ${name} x`);
  if (isSelecting) await client.run('SELECT INBOX');
  return client;
}
