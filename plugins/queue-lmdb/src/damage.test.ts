import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  type Body,
  bodyFromBytes,
  type Logger,
  MailError,
  newRecipient,
  type QueuedMessage,
  type QueuedRecipient,
  readBody,
} from '@postroad/core';
import { createSeededRandom, createVirtualClock, sampleMessage } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dueKey, recipientKey } from './keys.js';
import { openLmdbQueueStore } from './lmdb-queue-store.js';
import { decodeRecipient, encodeRecipient } from './recipient-codec.js';
import { decodeMessage, encodeMessage } from './record-codec.js';
import { openLmdbTables } from './tables/lmdb-tables.js';
import { table } from './tables/tables.js';

const nowMs = 1_700_000_000_000;
const lease = { owner: 'o', untilMs: nowMs + 3_600_000 };
const problems: string[] = [];
const log: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (event) => void problems.push(event),
  child: () => log,
};
const services = { log, clock: createVirtualClock(), random: createSeededRandom(1) };

let directory = '';
beforeEach(async () => {
  problems.length = 0;
  directory = await mkdtemp(join(tmpdir(), 'postroad-damage-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A body that is not in memory, as large ones are. */
function largeBody(text: string): Body {
  const body = bodyFromBytes(Buffer.from(text));
  return new Proxy(body, { get: (of, key) => (key === 'inline' ? undefined : Reflect.get(of, key)) });
}

/** As version 1 had it: the checksum behind the payload. */
function oldRecord(message: QueuedMessage): Buffer {
  const { front, payload } = encodeMessage(message, false);
  const facts = Buffer.from(front.subarray(0, -4));
  facts[0] = 1;
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(facts));
  return Buffer.concat([facts, payload, crc]);
}

describe('records', () => {
  it('are refused when any octet of their facts is changed or the end is cut off', () => {
    const { recipients: _recipients, ...message } = sampleMessage('m1', [{ to: 'bob@b.test' }]);
    const { front, payload } = encodeMessage(message, false);
    const record = Buffer.concat([front, payload]);
    for (let at = 0; at < front.length; at++) {
      const changed = Buffer.from(record);
      changed[at] = (changed[at] as number) ^ 0x20;
      expect(() => decodeMessage(changed, () => ''), `octet ${at}`).toThrow(MailError);
    }
    for (let length = 0; length < record.length; length++) {
      expect(() => decodeMessage(record.subarray(0, length), () => '')).toThrow(MailError);
    }
  });

  it('of recipients are refused when any octet is changed', () => {
    const recipient = {
      messageId: 'm1',
      index: 0,
      address: { localPart: 'bob', domain: 'b.test' },
      state: 'ready',
      dueAtMs: 1,
      attempts: 0,
      unsettledAttempts: 0,
      site: 'new',
      isDelayTold: false,
    } as const;
    const key = recipientKey('m1', 0);
    const record = encodeRecipient({ recipient });
    expect(decodeRecipient(key, record)).toEqual({ recipient });
    expect(() => decodeRecipient('m1', record)).toThrow(MailError);
    for (let at = 0; at < record.length; at++) {
      const changed = Buffer.from(record);
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => decodeRecipient(key, changed), `octet ${at}`).toThrow(MailError);
    }
  });
});

it('of recipients keep every field', () => {
  const recipient: QueuedRecipient = {
    messageId: 'm1',
    index: 12,
    address: { localPart: 'j\u00f6rg', domain: 'b.test' },
    notify: ['failure', 'delay'],
    orcpt: 'rfc822;bob',
    state: 'leased',
    dueAtMs: 1_700_000_000_123,
    leaseOwner: 'o',
    leaseToken: 't',
    attempts: 3,
    unsettledAttempts: 1,
    lastAttemptAtMs: 5,
    lastReply: { code: 451, detail: '4.1', text: 'later' },
    lastRemote: 'mx.b.test',
    bounceReason: 'enough',
    redirect: { transport: 'mx', domain: 'c.test' },
    site: 'mx:b.test',
    isDelayTold: true,
  };
  const stored = { recipient, ordered: { action: 'hold', reason: 'odd' }, isBodyInFile: true } as const;
  expect(decodeRecipient(recipientKey('m1', 12), encodeRecipient(stored))).toEqual(stored);
});

it('rejects a message that can not be written down, and takes the next', async () => {
  const store = await openLmdbQueueStore({ directory, ...services });
  await store.start('o', nowMs);
  const message = sampleMessage('m1', [{ to: 'bob@b.test' }]);
  const unwritable = { ...message, state: { number: 1n as unknown as number } };
  // Not thrown: who hands it in waits for the promise.
  const put = store.put(unwritable);
  await expect(put).rejects.toThrow(/BigInt/);
  await expect(store.put({ ...message, id: 'no id/' })).rejects.toThrow(MailError);
  await store.put(message);
  expect((await store.count()).messages).toBe(1);
  await store.close();
});

it('opens a queue from before there was a journal', async () => {
  const { recipients: _recipients, ...message } = sampleMessage('m1', [{ to: 'bob@b.test' }]);
  const recipient = newRecipient(sampleMessage('m1', [{ to: 'bob@b.test' }]), 0);
  const json = Buffer.from(`\u0001${JSON.stringify({ recipient })}`);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(json));
  const counted = { messages: 1, ready: 1, waiting: 0, leased: 0, held: 0 };
  const tables = await openLmdbTables(directory);
  await tables.commit([
    { table: table.messages, key: 'm1', value: oldRecord(message) },
    { table: table.recipients, key: recipientKey('m1', 0), value: Buffer.concat([json, crc]) },
    { table: table.due, key: dueKey(recipient), value: Buffer.alloc(0) },
    { table: table.facts, key: 'counters', value: Buffer.from(JSON.stringify(counted)) },
  ]);
  await tables.close();
  const store = await openLmdbQueueStore({ directory, ...services });
  expect((await store.start('o', nowMs)).quarantined).toEqual([]);
  expect(await store.count()).toMatchObject({ messages: 1, byState: { ready: 1 } });
  const [leased] = await store.lease({ nowMs, lease, limit: 10 });
  expect(leased).toMatchObject({ messageId: 'm1', address: { localPart: 'bob' }, attempts: 1 });
  expect((await store.message('m1'))?.body.inline).toEqual(message.body.inline);
  await store.settle('o', [{ messageId: 'm1', index: 0, to: 'done' }]);
  expect((await store.count()).recipients).toBe(0);
  await store.close();
});

describe('a damaged queue', () => {
  it('sets unreadable records aside, says so, and goes on with the rest', async () => {
    const store = await openLmdbQueueStore({ directory, ...services });
    await store.start('o', nowMs);
    for (const id of ['m1', 'm2', 'm3']) await store.put(sampleMessage(id, [{ to: 'bob@b.test' }]));
    await store.put(sampleMessage('m4', [{ to: 'bob@b.test' }]), lease);
    await store.close();
    const tables = await openLmdbTables(directory);
    await tables.commit([
      { table: table.recipients, key: 'm2/00000000', value: Buffer.from('torn') },
      { table: table.leased, key: 'm4/00000000', value: Buffer.from('torn too') },
      { table: table.messages, key: 'm3', value: Buffer.from('torn as well') },
    ]);
    await tables.close();

    const again = await openLmdbQueueStore({ directory, ...services });
    expect((await again.start('p', nowMs)).quarantined).toEqual(['leased/m4/00000000']);
    const given = await again.lease({ nowMs, lease: { ...lease, owner: 'p' }, limit: 10 });
    expect(given.map((one) => one.messageId)).toEqual(['m1', 'm3']);
    await expect(again.message('m3')).rejects.toMatchObject({ code: 'E_QUEUE_RECORD' });
    expect(problems).toHaveLength(2);
    await again.close();
    const kept = await openLmdbTables(directory);
    expect([...kept.keys(table.quarantine, { start: '' })]).toEqual([
      'leased/m4/00000000',
      'recipients/m2/00000000',
    ]);
    await kept.close();
  });

  it('refuses a file that is no queue', async () => {
    await mkdir(join(directory, 'odd'));
    await writeFile(join(directory, 'odd', 'queue.mdb'), Buffer.alloc(100_000, 7));
    await expect(
      openLmdbQueueStore({ directory: join(directory, 'odd'), ...services }),
    ).rejects.toMatchObject({
      code: 'E_QUEUE_STORE',
    });
  });
});

it('refuses a queue whose file is cut off', async () => {
  const store = await openLmdbQueueStore({ directory, ...services });
  await store.start('o', nowMs);
  for (let at = 0; at < 50; at++) await store.put(sampleMessage(`m${at}`, [{ to: 'bob@b.test' }]));
  await store.close();
  await truncate(join(directory, 'queue.mdb'), 16_384);
  await expect(openLmdbQueueStore({ directory, ...services })).rejects.toMatchObject({
    code: 'E_QUEUE_STORE',
  });
});

describe('large bodies', () => {
  it('are files that go with their message', async () => {
    const store = await openLmdbQueueStore({ directory, ...services });
    await store.start('o', nowMs);
    const text = `Subject: large\r\n\r\n${'x'.repeat(200_000)}`;
    await store.put(sampleMessage('m1', [{ to: 'bob@b.test' }], { body: largeBody(text) }), lease);
    expect(await readdir(join(directory, 'bodies'))).toEqual(['m1']);
    const kept = (await store.message('m1'))?.body as Body;
    expect(kept.inline).toBeUndefined();
    expect(kept.header.get('Subject')).toBe('large');
    expect((await readBody(kept, 1_000_000)).toString()).toBe(text);
    await expect(
      store.put(sampleMessage('m1', [{ to: 'eve@b.test' }], { body: largeBody('Subject: x\r\n\r\n') })),
    ).rejects.toMatchObject({ code: 'E_QUEUE_STORE' });
    expect((await readBody(kept, 1_000_000)).length).toBe(text.length);
    await store.settle('o', [{ messageId: 'm1', index: 0, to: 'done' }]);
    await store.close();
    expect(await readdir(join(directory, 'bodies'))).toEqual([]);
  });

  it('that no message names are removed at the start', async () => {
    const store = await openLmdbQueueStore({ directory, ...services });
    await writeFile(join(directory, 'bodies', 'orphan'), 'left by a crash');
    await store.start('o', nowMs);
    await store.close();
    expect(await readdir(join(directory, 'bodies'))).toEqual([]);
  });
});
