// A node in a network of its own, which does what it is told on its standard input: one line for each line.
import { createInterface } from 'node:readline';
import { systemClock } from '@postroad/core';
import { openPostgres } from '@postroad/postgres';
import { openPostgresQueueStore } from '@postroad/queue-postgres';

const [url] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const limits = { tls: 'none', connectionsMax: 2, connectTimeoutMs: 2_000, statementTimeoutMs: 1_000 };
const database = openPostgres({ ...limits, url, name: 'cut' }, { clock: systemClock, log: silent });
const store = openPostgresQueueStore({
  database,
  clock: systemClock,
  log: silent,
  node: 'cut',
  nodeTimeoutMs: 4_000,
});
const held = new Map();

const commands = {
  start: () => store.start('cut', systemClock.now()),
  async put(id) {
    const nowMs = systemClock.now();
    const message = {
      id,
      receivedAtMs: nowMs,
      expiresAtMs: nowMs + 3_600_000,
      reversePath: { localPart: 'a', domain: 'a.test' },
      headerPrefix: '',
      parameters: {},
      origin: {},
      state: {},
      body: (await import('@postroad/core')).bodyFromBytes(Buffer.from('Subject: x\r\n\r\n')),
      recipients: [{ address: { localPart: 'bob', domain: 'b.test' }, site: 'new' }],
    };
    const lease = { owner: 'cut', untilMs: nowMs + 600_000, token: 'cut-1' };
    held.set(id, await store.put(message, lease));
  },
  held: (id) => (store.isHeld(held.get(id)) ? 'yes' : 'no'),
  settle: (messageId) => store.settle('cut', [{ messageId, index: 0, to: 'done', leaseToken: 'cut-1' }]),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, id] = line.split(' ');
  try {
    const said = await commands[name](id);
    console.log(typeof said === 'string' ? said : 'ok');
  } catch (error) {
    console.log(`${error.code ?? ''} ${error.message}`.replaceAll('\n', ' '));
  }
}
