/** A server on loopback that says and does exactly what a test wants, well or badly. */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { testCertificate, testKey } from './certificate.js';

/** One connection as a script sees it. */
export interface Peer {
  /** Writes a line, or several joined with CRLF. */
  say(text: string): void;
  raw(bytes: string | Buffer): void;
  /** The next line without CRLF; rejects when the client is gone. */
  line(): Promise<string>;
  /** The octets up to the dot, without it. */
  content(): Promise<Buffer>;
  /** So many octets. */
  octets(length: number): Promise<Buffer>;
  secure(how?: { readonly cert: string; readonly key: string }): void;
  readonly socket: Socket;
  readonly messages: Buffer[];
}

/** Plays one connection. */
export type Script = (peer: Peer, index: number) => Promise<void>;

/** The running server. */
export interface ScriptedServer {
  readonly port: number;
  /** All lines of all connections, in order. */
  readonly lines: string[];
  readonly messages: Buffer[];
  /** Connections made so far. */
  readonly connections: number;
  /** Listens on a socket in the file system too. */
  listenAt(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts it. */
export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const lines: string[] = [];
  const messages: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const take = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    script(peerOf(socket, lines, messages), connections++).catch(() => socket.destroy());
  };
  const server = createServer({ noDelay: true }, take);
  let local: Server | undefined;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    lines,
    messages,
    get connections() {
      return connections;
    },
    async listenAt(path) {
      local = createServer(take);
      await new Promise<void>((resolve) => local?.listen(path, resolve));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      local?.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function peerOf(first: Socket, lines: string[], messages: Buffer[]): Peer {
  let socket = first;
  let received = Buffer.alloc(0);
  let isGone = false;
  let wake = () => {};
  const listen = () => {
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isGone = true;
      wake();
    });
  };
  listen();
  const until = async (marker: string): Promise<Buffer> => {
    for (;;) {
      const at = received.indexOf(marker);
      if (at >= 0) {
        const found = received.subarray(0, at);
        received = received.subarray(at + marker.length);
        return found;
      }
      if (isGone) throw new Error('the client is gone');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    get socket() {
      return socket;
    },
    messages,
    say: (text) => void socket.write(`${text}\r\n`),
    raw: (bytes) => void socket.write(bytes),
    async line() {
      const line = (await until('\r\n')).toString();
      lines.push(line);
      return line;
    },
    async content() {
      received = Buffer.concat([Buffer.from('\r\n'), received]);
      const content = await until('\r\n.\r\n');
      const message = Buffer.concat([content.subarray(2), Buffer.from(content.length > 2 ? '\r\n' : '')]);
      messages.push(message);
      return message;
    },
    async octets(length) {
      while (received.length < length) {
        if (isGone) throw new Error('the client is gone');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const found = received.subarray(0, length);
      received = received.subarray(length);
      return found;
    },
    secure(how = { cert: testCertificate, key: testKey }) {
      socket.removeAllListeners('data');
      socket = new TLSSocket(socket, {
        isServer: true,
        secureContext: createSecureContext(how),
      });
      received = Buffer.alloc(0);
      listen();
    },
  };
}

/** How a polite server answers. */
export interface PoliteOptions {
  readonly name?: string;
  readonly offers?: readonly string[];
  readonly isLmtp?: boolean;
  /** Instead of the usual answer; `undefined` gives the usual one. */
  readonly answer?: (line: string, peer: Peer) => string | undefined | Promise<string | undefined>;
  /** The answers to the message; one, or one a recipient. */
  readonly final?: (message: Buffer, accepted: number) => readonly string[];
  readonly isTls?: boolean;
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** A script that speaks SMTP as one should. */
export function polite(options: PoliteOptions = {}): Script {
  const { name = 'mx.example.net', offers = ['PIPELINING', '8BITMIME', 'SIZE 1000000'] } = options;
  return async (peer) => {
    if (options.isTls === true) peer.secure();
    peer.say((await options.answer?.('', peer)) ?? `220 ${name} ready`);
    let accepted = 0;
    let chunks: Buffer[] = [];
    for (;;) {
      const line = await peer.line();
      const own = await options.answer?.(line, peer);
      const verb = line.slice(0, 4).toUpperCase();
      const answer = own ?? usual(verb, name, offers);
      if (verb === 'MAIL' || verb === 'RSET') {
        accepted = 0;
        chunks = [];
      }
      if (verb === 'BDAT') {
        chunks.push(await peer.octets(Number(line.split(' ')[1])));
        const isLast = line.endsWith('LAST');
        const message = Buffer.concat(chunks);
        if (isLast && accepted > 0 && own === undefined) peer.messages.push(message);
        const count = isLast && options.isLmtp === true ? accepted : 1;
        if (own !== undefined || accepted === 0 || !isLast)
          peer.say(own ?? (accepted === 0 ? '503 5.5.1 nobody' : '250 2.0.0 go on'));
        else
          for (const said of options.final?.(message, count) ?? Array(count).fill('250 2.0.0 taken'))
            peer.say(said);
        continue;
      }
      if (verb === 'RCPT' && answer.startsWith('2')) accepted++;
      peer.say(answer);
      if (verb === 'STAR' && answer.startsWith('220')) peer.secure(options.certificate);
      if (verb === 'DATA' && answer.startsWith('354')) {
        const message = await peer.content();
        const count = options.isLmtp === true ? accepted : 1;
        for (const said of options.final?.(message, count) ?? Array(count).fill('250 2.0.0 taken'))
          peer.say(said);
      }
      if (verb === 'QUIT') peer.socket.end();
    }
  };
}

function usual(verb: string, name: string, offers: readonly string[]): string {
  if (verb === 'EHLO' || verb === 'LHLO')
    return [name, ...offers].map((text, at) => `250${at === offers.length ? ' ' : '-'}${text}`).join('\r\n');
  if (verb === 'STAR') return '220 2.0.0 go ahead';
  if (verb === 'DATA') return '354 go ahead';
  if (verb === 'QUIT') return '221 2.0.0 bye';
  return '250 2.0.0 ok';
}
