/** A client that says single SMTP lines and reads whole replies, for what well-behaved clients never do. */
import { connect, type Socket } from 'node:net';

/** A connection to an SMTP server. */
export interface SmtpClient {
  /** Says a line and resolves with the reply to it; `closed` when the server has gone. */
  say(line: string): Promise<string>;
  /** Resolves with the next reply. */
  read(): Promise<string>;
  write(octets: string | Uint8Array): void;
  close(): void;
}

/** Connects and reads the greeting. */
export async function openSmtp(port: number, host = '127.0.0.1'): Promise<SmtpClient> {
  const socket: Socket = connect(port, host);
  let text = '';
  let isClosed = false;
  let wake: (() => void) | undefined;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    wake?.();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    isClosed = true;
    wake?.();
  });
  const read = async (): Promise<string> => {
    for (;;) {
      const last = /^\d{3}(?: .*)?\r\n/m.exec(text);
      if (last !== null) {
        const reply = text.slice(0, last.index + last[0].length);
        text = text.slice(reply.length);
        return reply.trimEnd();
      }
      if (isClosed) return 'closed';
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const client: SmtpClient = {
    read,
    write: (octets) => socket.write(octets),
    say(line) {
      socket.write(`${line}\r\n`);
      return read();
    },
    close: () => socket.destroy(),
  };
  await client.read();
  return client;
}

/** The initial response of AUTH PLAIN (RFC 4616). */
export function plainResponse(login: string, password: string): string {
  return Buffer.from(`\0${login}\0${password}`).toString('base64');
}
