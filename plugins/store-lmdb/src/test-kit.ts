/** What the tests of the store share, and the program that they start to kill: `node test-kit.js <directory> <seed>`. */
import { writeSync } from 'node:fs';
import { bodyFromBytes, isMailError, type NewMessage } from '@postroad/core';
import type { EngineOptions } from './engine.js';
import { openMailboxStore } from './mailbox-store-lmdb.js';

/** Small limits; errors of the background are dropped. */
export function testOptions(directory: string, changed: Partial<EngineOptions> = {}): EngineOptions {
  return {
    directory,
    inlineBytesMax: 65_536,
    changeLogMax: 1_000,
    cachedEntriesMax: 100_000,
    cachedMessagesMax: 1_000,
    hasTextIndex: false,
    nowMs: () => 1_700_000_000_000,
    startedAtMs: Math.floor(performance.timeOrigin),
    onError: () => undefined,
    ...changed,
  };
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The message of a name: every fourth is large, so that it becomes a file. */
export function messageNamed(name: string): NewMessage {
  const octets = Number(name.slice(name.lastIndexOf('-') + 1)) % 4 === 3 ? 90_000 : 500;
  const line = `line of message ${name}\r\n`;
  const text = `Subject: ${name}\r\nMessage-ID: <${name}@example.org>\r\n\r\n${line.repeat(Math.ceil(octets / line.length))}`;
  return { prefix: `Delivered-To: ${name}\r\n`, body: bodyFromBytes(Buffer.from(text)), internalDateMs: 1 };
}

/** Writers at once, so that commits are shared. */
const writers = 16;

/** Files messages until it is killed or the disk is full, and tells each one that was acknowledged. */
async function fileUntilKilled(directory: string, round: string): Promise<void> {
  const { store } = openMailboxStore(testOptions(directory));
  const inbox = await store.mailboxByName('alice', 'INBOX');
  let isFull = false;
  const writer = async (number: number) => {
    for (let count = number; !isFull; count += writers) {
      const name = `${round}-${count}`;
      try {
        const filing = { accountId: 'alice', mailbox: { id: inbox?.id ?? '' }, flags: ['\\Seen'] };
        const [filed] = await store.file(messageNamed(name), [filing]);
        if (filed?.status === 'filed') writeSync(1, `filed ${name} ${filed.uid}\n`);
        if (count % 5 !== 4 || filed?.status !== 'filed') continue;
        const removed = await store.expunge(filed.mailboxId, [filed.uid]);
        if (removed.uids.length === 1) writeSync(1, `removed ${name} ${filed.uid}\n`);
      } catch (error) {
        writeSync(1, `failed ${isMailError(error) ? error.code : String(error)}\n`);
        isFull = true;
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, number) => writer(number)));
  await store.close();
}

if (process.argv[1]?.endsWith('test-kit.js') === true) {
  await fileUntilKilled(process.argv[2] ?? '', process.argv[3] ?? '0');
}
