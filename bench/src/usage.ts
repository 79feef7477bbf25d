/** The benchmarks' options, as `--help` prints them: with their defaults, and what they mean. */
export const usage: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  hooks: {},
  receive: {
    '--rounds 5': 'how often each server has its turn',
    '--only TEXT': "only the points whose names contain it, such as '10 KB, 50'",
    '--no-peers': 'without Postfix, Haraka (found on PATH) and OpenSMTPD (unpacked by .ci/run)',
  },
  queue: {
    '--recipients 1000000': 'waiting recipients to fill the queue with',
    '--destinations 10000': 'their domains',
    '--messages 10000': 'messages to accept into the empty and into the full queue',
    '--writers 50': 'at once',
    '--size 5000': 'octets of a message',
    '--directory DIR': 'where the queue is made; the folder for temporary files by default',
    '--phase all': '`slow` for the slow destination only; `reopen` for the start of a queue that is in DIR',
  },
  store: {
    '--messages 100000': 'messages of the mailbox',
    '--size 5000': 'octets of a message',
    '--engine lmdb': 'or memory',
    '--directory DIR': 'where the store is made',
  },
  relay: {
    '--messages 5000': 'a turn',
    '--connections 50': 'that stay open',
    '--size 10240': 'octets of a message',
    '--engine lmdb': 'or memory: our queue',
    '--rounds 3': 'how often each server has its turn',
    '--haraka DIR': 'a folder with node_modules/Haraka',
    '--only NAME': 'one server alone, such as postroad',
    '--profile DIR': 'leave CPU profiles of our server there',
    '--directory DIR': 'where queues are made',
  },
  scale: {
    '--messages 3000': 'a turn',
    '--warm 5000': 'that each worker has seen before, because the first ones cost more',
    '--rows 1000000': 'that wait in the full queue of `depth`',
    '--rounds 3': 'how often each has its turn',
    '--only NAME':
      '`workers`, `inserts`, `depth` (only then), or the points of workers whose names contain it, such as `accept lmdb`',
    '--directory DIR': 'where queues and the database are made',
  },
  auth: {
    '--messages 2000': 'a turn',
    '--rounds 3': 'how often each server has its turn',
    '--connections 20': 'that stay open',
    '--size 4096': 'octets of a message',
    '--workers 2': 'threads that check',
  },
  checks: {},
  texts: {
    '--messages 100000': 'messages of the mailbox',
    '--size 2048': 'octets of a message',
    '--directory DIR': 'where the store is made',
  },
  access: {
    '--messages 1000': 'messages of the mailbox',
    '--size 10240': 'octets of a message',
    '--connections 1,10,100': 'each number in turn',
    '--seconds 2': 'a measurement',
    '--only NAMES': "some of the measurements, such as 'store flags,append'",
    '--peers maildir,sdbox,mdbox': "Dovecot's formats",
    '--fsync always': "Dovecot's mail_fsync: always, which is what we promise, or optimized",
    '--index': 'with our index of texts',
    '--idle 0': 'so many idle connections, and what they cost',
    '--directory DIR': 'where the mailboxes are made',
  },
};

/** What `--help` prints of a benchmark. */
export function usageOf(name: string, about: string): string {
  const options = Object.entries(usage[name] ?? {});
  const width = Math.max(0, ...options.map(([option]) => option.length));
  const lines = options.map(([option, meaning]) => `  ${option.padEnd(width)}  ${meaning}`);
  return [
    `${name}: ${about}`,
    '',
    `Usage: npm run bench -- ${name}${options.length > 0 ? ' [options]' : ''}`,
    ...lines,
  ].join('\n');
}
