// A node in a network of its own, which does what it is told on its standard input: one line for each line.
import { createInterface } from 'node:readline';
import { bodiesS3 } from '@postroad/bodies-s3';
import { bodyFromBytes, Counters, createMta, definePlugin, MailboxStore, queueMemory } from '@postroad/core';
import { bodyNotInMemory } from '@postroad/core/testing';
import { countersRedis } from '@postroad/counters-redis';
import { storePostgres } from '@postroad/store-postgres';

const { redis, s3, database } = JSON.parse(process.argv[2]);
const services = {};
const probe = definePlugin({
  name: 'probe',
  needs: { counters: Counters, store: MailboxStore },
  setup(of) {
    Object.assign(services, of.services);
  },
});
const mta = createMta({
  hostname: 'node.test',
  log: { level: 'silent' },
  plugins: [
    queueMemory(),
    countersRedis({ url: redis }),
    bodiesS3({ ...s3, requestTimeoutMs: 1_000, attemptsMax: 2 }),
    storePostgres({ url: database, migrates: true }),
    probe(),
  ],
  listeners: [],
});
await mta.start();

const inbox = [{ accountId: 'alice', mailbox: { name: 'INBOX' }, flags: [] }];
const file = async (body) => {
  const [filed] = await services.store.file({ prefix: '', body, internalDateMs: 0 }, inbox);
  return filed.status;
};
const octetsOf = (id) => Buffer.from(`Subject: ${id}\r\n\r\n${id.repeat(20_000)}`);

const commands = {
  async take(key) {
    const { isAllowed } = await services.counters.take(key, { units: 1, perMs: 3_600_000 });
    return isAllowed ? 'yes' : 'no';
  },
  away: () => String(mta.metrics().find((one) => one.name === 'counters_redis_away')?.value),
  large: (id) => file(bodyNotInMemory(octetsOf(id))),
  small: (id) => file(bodyFromBytes(Buffer.from(`Subject: ${id}\r\n\r\n`))),
  async subjects() {
    const { id } = await services.store.mailboxByName('alice', 'INBOX');
    const read = async ({ messageId }) => {
      const pieces = [];
      for await (const piece of (await services.store.open(messageId)).open())
        pieces.push(Buffer.from(piece));
      const octets = Buffer.concat(pieces);
      const subject = /^Subject: (\S+)/.exec(octets.toString('latin1', 0, 50))?.[1] ?? '';
      return octets.length < 100 || octets.equals(octetsOf(subject)) ? subject : `${subject} is broken`;
    };
    return (await Promise.all((await services.store.entries(id)).map(read))).join(' ');
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, id] = line.split(' ');
  try {
    console.log(await commands[name](id));
  } catch (error) {
    console.log(`${error.code ?? ''} ${error.message}`.replaceAll('\n', ' '));
  }
}
