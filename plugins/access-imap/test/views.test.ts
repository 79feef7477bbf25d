/**
 * Several connections doing random things to one mailbox at once. Each keeps what it has been told, as a client does;
 * a sequence number that does not fit, or a change that nobody was told of, fails the test.
 */
import { createSeededRandom } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { logIn, type TestClient } from './client.js';
import { startHost, type TestHost } from './host.js';

interface Known {
  uid: number | undefined;
  flags: string | undefined;
}

/** What one client believes. */
class Model {
  readonly messages: Known[] = [];
  readonly client: TestClient;

  constructor(client: TestClient) {
    this.client = client;
  }

  /** Takes one untagged response in; `mayExpunge` is whether the command allows numbers to change. */
  take(response: string, mayExpunge: boolean): void {
    const exists = /^\* (\d+) EXISTS$/.exec(response);
    const expunge = /^\* (\d+) EXPUNGE$/.exec(response);
    const vanished = /^\* VANISHED ([\d:,]+)$/.exec(response);
    const fetched = /^\* (\d+) FETCH \((.*)\)$/s.exec(response);
    if (exists !== null) this.#grow(Number(exists[1]));
    else if (expunge !== null) {
      expect(mayExpunge, 'an expunge where none may be told').toBe(true);
      expect(Number(expunge[1])).toBeLessThanOrEqual(this.messages.length);
      this.messages.splice(Number(expunge[1]) - 1, 1);
    } else if (vanished !== null) {
      expect(mayExpunge).toBe(true);
      for (const uid of expand(vanished[1] ?? '')) this.#vanish(uid);
    } else if (fetched !== null) this.#fetch(Number(fetched[1]), fetched[2] ?? '');
  }

  /** RFC 7162 section 3.2.10.2: each UID counts, also that of a message whose UID the client has not heard. */
  #vanish(uid: number): void {
    let at = this.messages.findIndex((message) => message.uid === uid);
    if (at < 0) {
      const above = this.messages.findIndex((message) => message.uid !== undefined && message.uid > uid);
      at = (above < 0 ? this.messages.length : above) - 1;
      expect(this.messages[at], `VANISHED ${uid}`).toMatchObject({ uid: undefined });
    }
    this.messages.splice(at, 1);
  }

  #grow(count: number): void {
    expect(count, 'EXISTS never shrinks').toBeGreaterThanOrEqual(this.messages.length);
    while (this.messages.length < count) this.messages.push({ uid: undefined, flags: undefined });
  }

  #fetch(number: number, items: string): void {
    const message = this.messages[number - 1];
    if (message === undefined) throw new Error(`FETCH of ${number}, of ${this.messages.length}`);
    const uid = /UID (\d+)/.exec(items)?.[1];
    if (uid !== undefined) {
      expect(message.uid ?? Number(uid), 'the UID behind a number').toBe(Number(uid));
      message.uid = Number(uid);
    }
    const flags = /FLAGS \(([^)]*)\)/.exec(items)?.[1];
    if (flags !== undefined) message.flags = flags;
  }
}

function expand(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [first, last] = range.split(':').map(Number) as [number, number?];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, at) => first + at);
  });
}

async function run(model: Model, command: string, mayExpunge: boolean): Promise<void> {
  const responses = await model.client.run(command);
  for (const response of responses.slice(0, -1)) model.take(response, mayExpunge);
  expect(responses.at(-1), command).toMatch(/^(?:OK|NO \[EXPUNGEISSUED\])/);
}

async function open(host: TestHost, isQresync: boolean): Promise<Model> {
  const model = new Model(await logIn(host.port));
  if (isQresync) await model.client.ok('ENABLE QRESYNC');
  await run(model, 'SELECT INBOX', false);
  if (isQresync) await run(model, 'FETCH 1:* (UID FLAGS)', false);
  return model;
}

const flags = ['\\Seen', '\\Flagged', '\\Deleted', '$One', '$Two'];

async function step(model: Model, pick: (below: number) => number): Promise<void> {
  const count = model.messages.length;
  const number = 1 + pick(Math.max(1, count));
  const flag = flags[pick(flags.length)] ?? '';
  const sign = pick(3) === 0 ? '-' : '+';
  const silent = pick(2) === 0 ? '.SILENT' : '';
  switch (pick(12)) {
    case 0:
      return run(model, 'NOOP', true);
    case 1:
      return count === 0 ? undefined : run(model, `FETCH ${number}:* (UID FLAGS)`, false);
    case 2:
    case 3:
      return count === 0 ? undefined : storeKnown(model, `STORE ${number}`, number, sign, silent, flag);
    case 4:
      return run(
        model,
        `UID STORE ${pick(40)}:${1 + pick(40)} ${sign}FLAGS (${flag})`.replace(/ 0:/, ' 1:'),
        true,
      );
    case 5:
      return run(model, 'EXPUNGE', true);
    case 6:
      return count === 0 ? undefined : run(model, `SEARCH ${number} UNSEEN`, false);
    case 7:
      return run(model, 'UID SEARCH KEYWORD $One', true);
    case 8: {
      const literal = 'Subject: x\r\n\r\ny\r\n';
      return run(model, `APPEND INBOX (${flag}) {${literal.length}+}\r\n${literal}`, true);
    }
    case 9:
      return run(model, `UID COPY 1:${1 + pick(3)} INBOX`, true);
    case 10:
      return run(model, `UID MOVE ${1 + pick(60)} Archive`, true);
    default:
      return idle(model);
  }
}

/** A silent STORE tells nothing: the client works the flags out by itself, as far as it knows them. */
async function storeKnown(
  model: Model,
  head: string,
  number: number,
  sign: string,
  silent: string,
  flag: string,
): Promise<void> {
  const message = model.messages[number - 1];
  if (silent !== '' && message?.flags !== undefined) {
    const known = new Set(message.flags.split(' ').filter((word) => word !== ''));
    if (sign === '+') known.add(flag);
    else known.delete(flag);
    message.flags = [...known].sort().join(' ');
  }
  await run(model, `${head} ${sign}FLAGS${silent} (${flag})`, false);
}

async function idle(model: Model): Promise<void> {
  model.client.send('I IDLE\r\n');
  for (
    let response = await model.client.read();
    response !== '+ idling';
    response = await model.client.read()
  ) {
    model.take(response, true);
  }
  model.client.send('DONE\r\n');
  for (
    let response = await model.client.read();
    !response.startsWith('I ');
    response = await model.client.read()
  ) {
    model.take(response, true);
  }
}

test('what clients are told always fits, and is all there is to tell', { timeout: 120_000 }, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.info(`seed ${seed}`);
  for (let round = 0; round < 6; round++) {
    await using host = await startHost();
    for (let at = 0; at < 8; at++) await host.deliver(`Subject: m${at}\n\nbody\n`);
    const models = [await open(host, false), await open(host, true), await open(host, false)];
    await Promise.all(
      models.map(async (model, index) => {
        const random = createSeededRandom(seed + round * 10 + index);
        const pick = (below: number) => Math.floor(random.number() * below);
        for (let at = 0; at < 60; at++) await step(model, pick);
      }),
    );
    const mailbox = await host.store.mailboxByName('alice', 'INBOX');
    const entries = await host.store.entries(mailbox?.id ?? '');
    const truth = entries.map((entry) => ({ uid: entry.uid, flags: [...entry.flags].sort().join(' ') }));
    for (const model of models) {
      await run(model, 'NOOP', true);
      const told = model.messages.map((message, at) => ({
        uid: message.uid ?? truth[at]?.uid,
        flags: message.flags === undefined ? truth[at]?.flags : message.flags.split(' ').sort().join(' '),
      }));
      expect(told).toEqual(truth);
      await run(model, 'FETCH 1:* (UID FLAGS)', false);
      model.client.close();
    }
    expect(host.errors).toEqual([]);
  }
});
