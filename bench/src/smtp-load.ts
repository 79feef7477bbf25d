/** Hands messages to a server over some connections, each as fast as it is answered. */
import { connect } from 'node:net';

/** What to hand in. */
export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly messages: number;
  readonly sizeBytes: number;
  /** What to send instead of a message of that size, with its final dot. */
  readonly content?: Buffer;
}

/** Resolves when every message has its 250; rejects at the first other answer. */
export async function loadSmtp(options: LoadOptions): Promise<void> {
  const message = options.content ?? makeMessage(options.sizeBytes);
  let left = options.messages;
  const next = (): boolean => left-- > 0;
  const clients = Array.from({ length: options.connections }, () => runClient(options.port, message, next));
  await Promise.all(clients);
}

function makeMessage(sizeBytes: number): Buffer {
  const header =
    'From: <a@source.test>\r\nTo: <b@dest.test>\r\nSubject: load\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n';
  const line = `${'The quick brown fox jumps over the lazy dog. '.repeat(2).slice(0, 76)}\r\n`;
  return Buffer.from(`${header}${line.repeat(Math.ceil((sizeBytes - header.length) / line.length))}.\r\n`);
}

const envelope = 'MAIL FROM:<a@source.test>\r\nRCPT TO:<b@dest.test>\r\nDATA\r\n';

/** One connection: greeting, EHLO, then envelope (three replies) and message (one) in turns. */
function runClient(port: number, message: Buffer, next: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let rest = '';
    let phase: 'greeting' | 'hello' | 'envelope' | 'message' | 'quit' = 'greeting';
    let replies = 0;
    const begin = () => {
      const isMore = next();
      phase = isMore ? 'envelope' : 'quit';
      replies = 0;
      socket.write(isMore ? envelope : 'QUIT\r\n');
    };
    const take = (line: string) => {
      if (line[3] === '-') return;
      if (!/^[23]/.test(line)) {
        reject(new Error(`${phase}: ${line}`));
        socket.destroy();
      } else if (phase === 'greeting') {
        phase = 'hello';
        socket.write('EHLO load.test\r\n');
      } else if (phase === 'hello' || phase === 'message') begin();
      else if (phase === 'envelope' && ++replies === 3) {
        phase = 'message';
        socket.write(message);
      } else if (phase === 'quit') socket.end();
    };
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}
