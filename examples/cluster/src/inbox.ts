/** What is in the mailbox, as an IMAP client sees it from one of the nodes: only what came since the last look is read. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** A mailbox that is looked at again and again. */
export interface Inbox {
  /** Subjects and how often each is there. Rejects when no node answers. */
  subjects(): Promise<ReadonlyMap<string, number>>;
}

const answerTimeoutMs = 15_000;

/** The INBOX of an account; `ports` are those of the nodes, which are asked in turn until one answers. */
export function watchInbox(
  ports: readonly number[],
  account: { readonly login: string; readonly password: string },
): Inbox {
  const known = new Map<string, number>();
  let next = 1;
  return {
    async subjects() {
      let failure: unknown;
      for (const port of ports) {
        try {
          const { subjects, uidNext } = await readFrom(port, account, next);
          for (const subject of subjects) known.set(subject, (known.get(subject) ?? 0) + 1);
          next = uidNext;
          return known;
        } catch (error) {
          failure = error;
        }
      }
      throw new Error('no node shows the mailbox', { cause: failure });
    },
  };
}

async function readFrom(
  port: number,
  { login, password }: { readonly login: string; readonly password: string },
  from: number,
): Promise<{ readonly subjects: readonly string[]; readonly uidNext: number }> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no answer')));
  const failed = once(socket, 'close').then(() => {
    throw new Error('the connection was closed');
  });
  // Whoever waits hears of it; nobody has to.
  failed.catch(() => undefined);
  socket.on('error', () => undefined);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const ask = async (tag: string, command: string): Promise<readonly string[]> => {
    socket.write(`${tag} ${command}\r\n`);
    const said: string[] = [];
    for (;;) {
      const { value, done } = await Promise.race([lines.next(), failed]);
      if (done === true) throw new Error('the connection was closed');
      const line = value as string;
      if (line.startsWith(`${tag} OK`)) return said;
      if (line.startsWith(`${tag} `)) throw new Error(line);
      said.push(line);
    }
  };
  try {
    await ask('a', `LOGIN "${login}" "${password}"`);
    const selected = await ask('b', 'EXAMINE INBOX');
    const uidNext = Number(/UIDNEXT (\d+)/.exec(selected.join('\n'))?.[1] ?? 1);
    if (uidNext <= from) return { subjects: [], uidNext: from };
    const range = `${from}:${uidNext - 1}`;
    const said = await ask('c', `UID FETCH ${range} (BODY.PEEK[HEADER.FIELDS (SUBJECT)])`);
    const subjects = said.flatMap((line) => /^Subject: (\S+)$/.exec(line)?.[1] ?? []);
    return { subjects, uidNext };
  } finally {
    socket.destroy();
  }
}
