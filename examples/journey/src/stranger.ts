/** Another server that asks whom mail is taken for, and hangs up. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** The replies to RCPT for each address, in their order. */
export async function askAsStranger(port: number, addresses: readonly string[]): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const read = async (): Promise<string> => {
    for (;;) {
      const { done, value } = await lines.next();
      if (done === true) throw new Error('the server has closed the connection');
      // RFC 5321 section 4.2.1: a hyphen behind the code says that the reply goes on.
      if (!/^\d{3}-/.test(value)) return value;
    }
  };
  const say = (line: string): Promise<string> => {
    socket.write(`${line}\r\n`);
    return read();
  };
  try {
    await read();
    await say('EHLO stranger.example');
    await say('MAIL FROM:<somebody@stranger.example>');
    const replies: string[] = [];
    for (const address of addresses) replies.push(await say(`RCPT TO:<${address}>`));
    await say('QUIT');
    return replies;
  } finally {
    socket.destroy();
  }
}
