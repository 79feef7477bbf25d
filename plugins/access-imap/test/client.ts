/** A client for tests that shows every octet: lines and literals as they come. */
import { connect, type Socket } from 'node:net';

/** A connection of a test. */
export interface TestClient {
  /** Sends octets. */
  send(octets: string): void;
  /** The next response, literals included, without its last line break. */
  read(): Promise<string>;
  /** Sends a command with a tag of its own and reads up to its tagged response, which is the last of the result. */
  run(command: string): Promise<readonly string[]>;
  /** The same, without the tag in the last line; fails when it is not OK. */
  ok(command: string): Promise<readonly string[]>;
  /** Resolves when the server has closed. */
  closed(): Promise<void>;
  close(): void;
  readonly socket: Socket;
}

/** Connects and reads the greeting. */
export async function connectClient(port: number): Promise<TestClient & { readonly greeting: string }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let buffer = '';
  let isClosed = false;
  let wake: (() => void) | undefined;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    buffer += chunk;
    wake?.();
  });
  socket.on('close', () => {
    isClosed = true;
    wake?.();
  });
  socket.on('error', () => {});
  const take = (): string | undefined => {
    let end = 0;
    for (;;) {
      const line = buffer.indexOf('\r\n', end);
      if (line < 0) return undefined;
      const literal = /~?\{(\d+)\}$/.exec(buffer.slice(end, line));
      if (literal === null) {
        const response = buffer.slice(0, line);
        buffer = buffer.slice(line + 2);
        return response;
      }
      end = line + 2 + Number(literal[1]);
      if (buffer.length < end) return undefined;
    }
  };
  const read = async (): Promise<string> => {
    for (;;) {
      const response = take();
      if (response !== undefined) return response;
      if (isClosed) throw new Error(`the connection is closed; unread: ${JSON.stringify(buffer)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  let tags = 0;
  const run = async (command: string): Promise<readonly string[]> => {
    const tag = `T${++tags}`;
    socket.write(`${tag} ${command}\r\n`, 'latin1');
    const responses: string[] = [];
    for (;;) {
      const response = await read();
      if (response.startsWith(`${tag} `)) return [...responses, response.slice(tag.length + 1)];
      responses.push(response);
    }
  };
  const greeting = await read();
  return {
    greeting,
    socket,
    send: (octets) => void socket.write(octets, 'latin1'),
    read,
    run,
    async ok(command) {
      const responses = await run(command);
      if (!responses.at(-1)?.startsWith('OK')) throw new Error(`${command}: ${responses.join('\n')}`);
      return responses;
    },
    async closed() {
      while (!isClosed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close: () => void socket.destroy(),
  };
}

/** Connects and logs in; selects a mailbox when one is named. */
export async function logIn(port: number, mailbox?: string, name = 'alice'): Promise<TestClient> {
  const client = await connectClient(port);
  await client.ok(`LOGIN ${name} secret`);
  if (mailbox !== undefined) await client.ok(`SELECT ${mailbox}`);
  return client;
}
