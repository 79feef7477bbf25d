/** Clients that hand in mail and count only on what they were told: no 250, no promise. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '@postroad/core';

/** What is handed in. */
export interface LoadMessage {
  readonly subject: string;
  readonly to: string;
  readonly octets: number;
}

/** What the clients were told. */
export interface LoadResult {
  /** Subjects of messages that were acknowledged. */
  readonly acknowledged: readonly string[];
  /** Tries that were put off: 4yz, a connection that closed, no answer in time. */
  readonly putOff: number;
  /** Replies that were neither 2yz nor 4yz, which no failure of ours may cause. */
  readonly refused: readonly string[];
}

/** Running clients. */
export interface Load {
  /** Resolves when so many more were acknowledged. */
  more(count: number): Promise<void>;
  /** Lets the clients finish. */
  end(): Promise<LoadResult>;
}

const answerTimeoutMs = 15_000;

/** Starts clients that hand in one message after the other, each until it is acknowledged. `prefix` begins the subjects. */
export function startLoad(port: number, to: string, clients: number, prefix = 'load-'): Load {
  const acknowledged: string[] = [];
  const refused: string[] = [];
  const waiting: { readonly count: number; done(): void }[] = [];
  let putOff = 0;
  let number = 0;
  let isOver = false;

  async function work(): Promise<void> {
    while (!isOver) {
      const at = ++number;
      const message = { subject: `${prefix}${at}`, to, octets: at % 8 === 0 ? 100_000 : 2_000 };
      for (;;) {
        const reply = await handIn(port, message);
        if (reply.startsWith('250')) break;
        if (reply.startsWith('5')) refused.push(reply);
        putOff++;
        if (isOver) return;
        await systemClock.sleep(50);
      }
      acknowledged.push(message.subject);
      for (const one of waiting) if (acknowledged.length >= one.count) one.done();
    }
  }

  const working = Array.from({ length: clients }, work);
  return {
    more(count) {
      const until = acknowledged.length + count;
      return new Promise((done) => waiting.push({ count: until, done }));
    },
    async end() {
      isOver = true;
      await Promise.all(working);
      return { acknowledged, putOff, refused };
    },
  };
}

/** Hands in one message; the reply that counts, or 421 when there was none. */
export async function handIn(port: number, { subject, to, octets }: LoadMessage): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(answerTimeoutMs, () => socket.destroy());
  // What goes wrong ends the lines, and that is all there is to know.
  socket.on('error', () => undefined);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) return '421 the connection was closed';
      if ((value as string)[3] !== '-') return value as string;
    }
  };
  const text = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(octets / 72));
  const content = `Subject: ${subject}\r\nFrom: <load@client.test>\r\n\r\n${text}.\r\n`;
  const commands = ['EHLO client.test', 'MAIL FROM:<load@client.test>', `RCPT TO:<${to}>`, 'DATA'];
  try {
    let said = await reply();
    for (const command of commands) {
      if (!/^[23]/.test(said)) return said;
      socket.write(`${command}\r\n`);
      said = await reply();
    }
    if (!said.startsWith('354')) return said;
    socket.write(content);
    return await reply();
  } catch {
    // The connection broke: as good as an answer that asks to come again.
    return '421 the connection broke';
  } finally {
    socket.destroy();
  }
}
