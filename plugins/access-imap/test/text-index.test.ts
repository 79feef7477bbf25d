/** A store's index of texts spares a search the messages that can't fit, and changes no answer. */
import { createStoreMemory } from '@postroad/core';
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';
import { systemClock } from './system-clock.js';

const programs = [
  ['TEXT apple', '1 3'],
  ['BODY pear', '2 3'],
  ['NOT BODY pear', '1 4'],
  ['OR BODY apple BODY pear', '1 2 3'],
  ['BODY apple BODY pear', '3'],
  ['HEADER X-Fruit plum', '4'],
  ['OR HEADER X-Fruit plum BODY apple', '1 3 4'],
  ['TEXT nothing', ''],
] as const;

test.each([false, true])('a search answers the same, with an index: %s', async (hasIndex) => {
  const store = createStoreMemory({ nowMs: () => systemClock.now() });
  const texts = new Map<string, string>();
  let opened = 0;
  let spared = 0;
  const open = store.open.bind(store);
  store.open = async (id) => {
    opened++;
    return open(id);
  };
  if (hasIndex) {
    store.textCandidates = async (_mailbox, text) => (id) => {
      const mayContain = texts.get(id)?.includes(text) !== false;
      if (!mayContain) spared++;
      return mayContain;
    };
  }
  await using host = await startHost({ store });
  for (const text of ['an apple', 'a pear', 'apple and pear', 'neither']) {
    const header = text === 'neither' ? 'X-Fruit: plum\n' : '';
    const uid = await host.deliver(`Subject: x\n${header}\n${text}\n`);
    const inbox = await store.mailboxByName('alice', 'INBOX');
    const [entry] = await store.entries(inbox?.id ?? '', { first: uid, last: uid });
    // The third message has no place in the index yet.
    if (text !== 'apple and pear')
      texts.set(entry?.messageId ?? '', `subject: x ${header.toLowerCase()} ${text}`);
  }
  const client = await logIn(host.port, 'INBOX');
  for (const [program, found] of programs) {
    expect((await client.ok(`SEARCH ${program}`))[0], program).toBe(
      `* SEARCH${found === '' ? '' : ` ${found}`}`,
    );
  }
  expect(spared > 10).toBe(hasIndex);
  if (hasIndex) expect(opened).toBeLessThan(20);
  else expect(opened).toBeGreaterThan(25);
});
