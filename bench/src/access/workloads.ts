/** What is measured: each workload prepares a connection and does one thing at a time on it. */
import { connectLoad, type LoadClient, logIn } from './client.js';
import { messageOf } from './fill.js';

/** Where and on what a workload works. */
export interface Place {
  readonly imap: number;
  readonly pop3: number;
  readonly account: string;
  readonly messages: number;
}

/** One connection made ready: `once` does the thing, the `at`th time. */
export interface Worker {
  once(at: number): Promise<unknown>;
  close(): Promise<void>;
}

/** One thing to measure. */
export interface Workload {
  readonly name: string;
  prepare(place: Place, connection: number): Promise<Worker>;
}

const onInbox = (name: string, run: (client: LoadClient, place: Place, at: number) => Promise<unknown>) => ({
  name,
  async prepare(place: Place, connection: number): Promise<Worker> {
    const client = await logIn(place.imap, place.account);
    return {
      once: (at) => run(client, place, at * 7_919 + connection * 104_729),
      close: () => client.close(),
    };
  },
});

/** A message of the mailbox, by a number that may be anything. */
const pick = ({ messages }: Place, at: number) => 1 + (at % messages);

/** Connections whose STORE commands do not meet. */
const strideOfConnections = 100;

const appended = messageOf(1_000_000, 10_240);

/** All workloads, those that change mailboxes last. */
export const workloads: readonly Workload[] = [
  {
    name: 'log in',
    prepare: async ({ imap, account }) => ({
      async once() {
        const client = await connectLoad(imap);
        await client.run(`LOGIN ${account} x`);
        await client.close();
      },
      close: async () => {},
    }),
  },
  onInbox('noop', (client) => client.run('NOOP')),
  onInbox('select', (client) => client.run('SELECT INBOX')),
  onInbox('fetch flags of all', (client) => client.run('FETCH 1:* (UID FLAGS)')),
  onInbox('fetch envelopes', (client, { messages }) =>
    client.run(
      `FETCH ${Math.max(1, messages - 999)}:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)`,
    ),
  ),
  onInbox('fetch a body', (client, place, at) => client.run(`FETCH ${pick(place, at)} BODY.PEEK[]`)),
  onInbox('search header', (client, place, at) => client.run(`SEARCH SUBJECT "load ${pick(place, at)} "`)),
  onInbox('search text', (client, _, at) => client.run(`SEARCH TEXT "rare${at % 1000}word"`)),
  {
    name: 'pop3 retrieve',
    async prepare({ pop3, account, messages }, connection): Promise<Worker> {
      // POP3 locks a maildrop: each connection has one of its own.
      const client = await connectLoad(pop3);
      await client.exchange(`USER ${account}${connection}\r\n`, /\+OK.*\r\n$/);
      await client.exchange('PASS x\r\n', /\+OK.*\r\n$/);
      return {
        once: (at) =>
          client.exchange(`RETR ${1 + ((at * 7_919) % Math.min(messages, 20))}\r\n`, /\r\n\.\r\n$/),
        close: () => client.close(),
      };
    },
  },
  {
    name: 'store flags',
    async prepare(place, connection): Promise<Worker> {
      const client = await logIn(place.imap, place.account);
      return {
        // A flag is set and taken away again, so that each command changes something; connections have messages of
        // their own while there are enough.
        once(at) {
          const message = pick(place, connection + strideOfConnections * (at >> 1));
          return client.run(`STORE ${message} ${at % 2 === 0 ? '+' : '-'}FLAGS (\\Flagged)`);
        },
        close: () => client.close(),
      };
    },
  },
  {
    name: 'idle notice',
    async prepare({ imap, account }, connection): Promise<Worker> {
      const idler = await logIn(imap, `${account}idle${connection}`);
      const other = await logIn(imap, `${account}idle${connection}`);
      const empty = `APPEND INBOX {${tiny.length}+}\r\n${tiny}`;
      await other.run(empty);
      await other.run('STORE 1 -FLAGS.SILENT (\\Answered)');
      let isSet = false;
      await idler.run('NOOP');
      await idler.exchange('i IDLE\r\n', /\+ .*\r\n$/);
      return {
        async once() {
          const noticed = idler.exchange('', /FETCH .*\r\n$/);
          isSet = !isSet;
          await other.run(`STORE 1 ${isSet ? '+' : '-'}FLAGS.SILENT (\\Answered)`);
          await noticed;
        },
        async close() {
          await idler.close();
          await other.close();
        },
      };
    },
  },
  {
    name: 'append',
    async prepare({ imap, account }, connection): Promise<Worker> {
      const client = await logIn(imap, `${account}new${connection}`);
      return {
        once: () => client.run(`APPEND INBOX {${appended.length}+}\r\n${appended}`),
        close: () => client.close(),
      };
    },
  },
];

const tiny = 'Subject: tiny\r\n\r\nx\r\n';
