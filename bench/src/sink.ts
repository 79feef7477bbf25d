/** A server that takes every message and forgets it, as fast as Node can: the end of the relay benchmark. */
import { createServer, type Socket } from 'node:net';
import { pathToFileURL } from 'node:url';

/** A running sink. */
export interface Sink {
  readonly port: number;
  readonly messages: number;
  readonly octets: number;
}

/** Starts it on a free port. */
export async function startSink(): Promise<Sink> {
  const counts = { messages: 0, octets: 0 };
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

function serve(socket: Socket, counts: { messages: number; octets: number }): void {
  let rest: Buffer | undefined;
  let isData = false;
  socket.write('220 sink.test\r\n');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    let data: Buffer = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    rest = undefined;
    let answers = '';
    for (;;) {
      const marker = isData ? endMarker : '\r\n';
      const end = data.indexOf(marker);
      if (end < 0) break;
      if (isData) {
        counts.messages++;
        counts.octets += end;
        answers += '250 2.0.0 taken\r\n';
        isData = false;
      } else {
        const verb = data.toString('latin1', 0, 4).toUpperCase();
        isData = verb === 'DATA';
        answers += answerTo(verb);
      }
      data = data.subarray(end + marker.length);
    }
    if (data.length > 0) rest = data;
    if (answers !== '') socket.write(answers);
  });
}

function answerTo(verb: string): string {
  if (verb === 'EHLO') return '250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n';
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
