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

/** What a client heard: `silent` is no answer in time. */
export type Heard = 'taken' | 'deferred' | 'refused' | 'closed' | 'silent';

/** One try to hand in a message. */
export interface Try {
  /** The message's, and after a dot which try it is. */
  readonly subject: string;
  readonly heard: Heard;
  /** When it was over. */
  readonly atMs: number;
  readonly reply: string;
}

/** Running clients. */
export interface Load {
  /** All tries so far, in order of their ends. */
  readonly tries: readonly Try[];
  /** Resolves when so many more were taken. */
  more(count: number): Promise<void>;
  /** Resolves when so many were taken one after the other, with none put off in between. */
  inRow(count: number): Promise<void>;
  /** Lets the clients finish. */
  end(): Promise<void>;
}

const answerTimeoutMs = 15_000;
const pauseMs = 150;
/** Every so many messages one is large: its body is not kept in the database. */
const largeEach = 8;

/** Starts clients that hand in one message after the other, each until it is taken. `prefix` begins the subjects. */
export function startLoad(port: number, to: string, clients: number, prefix = 'load-'): Load {
  const tries: Try[] = [];
  const waiting = new Set<() => void>();
  let number = 0;
  let isOver = false;

  async function work(): Promise<void> {
    while (!isOver) {
      const at = ++number;
      const octets = at % largeEach === 0 ? 100_000 : 2_000;
      for (let which = 1; ; which++) {
        const subject = `${prefix}${at}.${which}`;
        const { heard, reply } = await handIn(port, { subject, to, octets });
        tries.push({ subject, heard, reply, atMs: systemClock.monotonic() });
        for (const look of waiting) look();
        await systemClock.sleep(pauseMs);
        if (heard === 'taken' || isOver) break;
      }
    }
  }

  const working = Array.from({ length: clients }, work);
  const when = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!isSo()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
    });
  const taken = (): number => tries.filter((one) => one.heard === 'taken').length;
  return {
    tries,
    more(count) {
      const until = taken() + count;
      return when(() => taken() >= until);
    },
    inRow(count) {
      const from = tries.length;
      return when(
        () => tries.length >= from + count && tries.slice(-count).every((one) => one.heard === 'taken'),
      );
    },
    async end() {
      isOver = true;
      await Promise.all(working);
    },
  };
}

/** Hands in one message. */
export async function handIn(
  port: number,
  { subject, to, octets }: LoadMessage,
): Promise<Pick<Try, 'heard' | 'reply'>> {
  const socket = connect(port, '127.0.0.1');
  let isSilent = false;
  socket.setTimeout(answerTimeoutMs, () => {
    isSilent = true;
    socket.destroy();
  });
  // What goes wrong ends the lines, and that is all there is to know.
  socket.on('error', () => undefined);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) return '';
      if ((value as string)[3] !== '-') return value as string;
    }
  };
  const text = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(octets / 72));
  const content = `Subject: ${subject}\r\nFrom: <load@client.test>\r\n\r\n${text}.\r\n`;
  const commands = ['EHLO client.test', 'MAIL FROM:<load@client.test>', `RCPT TO:<${to}>`, 'DATA'];
  const heard = (said: string): Pick<Try, 'heard' | 'reply'> => ({
    heard: meaningOf(said, isSilent),
    reply: said,
  });
  try {
    let said = await reply();
    for (const command of commands) {
      if (!/^[23]/.test(said)) return heard(said);
      socket.write(`${command}\r\n`);
      said = await reply();
    }
    if (!said.startsWith('354')) return heard(said);
    socket.write(content);
    said = await reply();
    return said.startsWith('250') ? { heard: 'taken', reply: said } : heard(said);
  } catch {
    // The connection broke: as good as an answer that asks to come again.
    return heard('');
  } finally {
    socket.destroy();
  }
}

/** What a client makes of an answer that is not the last 250. */
function meaningOf(reply: string, isSilent: boolean): Heard {
  if (reply.startsWith('4')) return 'deferred';
  if (reply.startsWith('5')) return 'refused';
  return isSilent ? 'silent' : 'closed';
}
