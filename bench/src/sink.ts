/**
 * A server that takes every message and forgets it, as fast as Node can: the end of the relay benchmark. It offers what
 * today's servers offer, CHUNKING among it (RFC 3030); who does not use it sends by DATA.
 */
import { createServer, type Socket } from 'node:net';
import { pathToFileURL } from 'node:url';

/** A running sink. */
export interface Sink {
  readonly port: number;
  readonly messages: number;
  readonly octets: number;
}

interface Counts {
  messages: number;
  octets: number;
}

/** Starts it on a free port. */
export async function startSink(): Promise<Sink> {
  const counts: Counts = { messages: 0, octets: 0 };
  const server = createServer({ noDelay: true }, (socket) => serve(socket, counts));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    get messages() {
      return counts.messages;
    },
    get octets() {
      return counts.octets;
    },
  };
}

const endMarker = Buffer.from('\r\n.\r\n');

function serve(socket: Socket, counts: Counts): void {
  let rest: Buffer | undefined;
  let isData = false;
  // Octets of a chunk that are still to come, and whether it is the last one.
  let chunkOctets = 0;
  let isLast = false;
  const taken = (octets: number): string => {
    counts.messages++;
    counts.octets += octets;
    return '250 2.0.0 taken\r\n';
  };
  socket.write('220 sink.test\r\n');
  socket.on('error', () => socket.destroy());
  socket.on('data', (received) => {
    let data: Buffer = rest === undefined ? received : Buffer.concat([rest, received]);
    rest = undefined;
    let answers = '';
    for (;;) {
      if (chunkOctets > 0) {
        const octets = Math.min(chunkOctets, data.length);
        chunkOctets -= octets;
        data = data.subarray(octets);
        if (chunkOctets > 0) break;
        answers += isLast ? taken(octets) : '250 2.0.0 ok\r\n';
      }
      const marker = isData ? endMarker : '\r\n';
      const end = data.indexOf(marker);
      if (end < 0) break;
      if (isData) {
        answers += taken(end);
        isData = false;
      } else {
        const verb = data.toString('latin1', 0, 4).toUpperCase();
        isData = verb === 'DATA';
        if (verb === 'BDAT') [chunkOctets, isLast] = chunkOf(data.toString('latin1', 5, end));
        if (verb !== 'BDAT' || chunkOctets === 0) answers += verb === 'BDAT' ? taken(0) : answerTo(verb);
      }
      data = data.subarray(end + marker.length);
    }
    if (data.length > 0) rest = data;
    if (answers !== '') socket.write(answers);
  });
}

function chunkOf(words: string): [octets: number, isLast: boolean] {
  const [octets = '0', last] = words.split(' ');
  return [Number(octets), last !== undefined];
}

function answerTo(verb: string): string {
  if (verb === 'EHLO')
    return '250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SIZE 0\r\n';
  if (verb === 'DATA') return '354 go on\r\n';
  return verb === 'QUIT' ? '221 2.0.0 bye\r\n' : '250 2.0.0 ok\r\n';
}

// As a process of its own it tells its port, then its counts whenever it is asked.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const sink = await startSink();
  process.send?.({ port: sink.port });
  process.on('message', () => process.send?.({ messages: sink.messages, octets: sink.octets }));
  process.on('disconnect', () => process.exit());
}
