/** kill -9 under load: every message that got its 250 is in the mailbox at the end. */
import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createSeededRandom } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { poll } from '../../testing/poll.js';
import { openSmtp, plainResponse, type SmtpClient } from '../../testing/smtp-client.js';
import { alice, bob, messagesOf, type OpenPostOffice, openImap, openPostOffice } from './open-post-office.js';

const kills = 3;
const clients = 6;
/** Between the moment that mail flows again and the kill. */
const killAfterMsMax = 700;

/** One client: submits numbered messages until the connection breaks, again and again. */
async function submitNumbers(
  office: OpenPostOffice,
  numbers: { next: number },
  acknowledged: Set<number>,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const client = await openSmtp(office.ports.submission);
    await submitOverOne(client, numbers, acknowledged, isOver);
    client.close();
    // While the server is away, connections are refused at once.
    await wait(20);
  }
}

async function submitOverOne(
  client: SmtpClient,
  numbers: { next: number },
  acknowledged: Set<number>,
  isOver: () => boolean,
): Promise<void> {
  await client.say('EHLO load.test');
  const login = await client.say(`AUTH PLAIN ${plainResponse(alice.login, alice.password)}`);
  while (login.startsWith('235') && !isOver()) {
    const number = numbers.next++;
    for (const line of [`MAIL FROM:<${alice.login}>`, `RCPT TO:<${bob.login}>`, 'DATA'])
      await client.say(line);
    // Some above the limit up to which bodies ride in the queue's record: they are files.
    const filler = number % 7 === 0 ? `${'x'.repeat(78)}\r\n`.repeat(1_000) : '';
    const answer = await client.say(`Subject: number ${number}\r\n\r\n${filler}this is ${number}\r\n.`);
    if (answer.startsWith('250')) acknowledged.add(number);
    if (answer === 'closed') return;
  }
}

it('loses nothing that it has acknowledged', { timeout: 300_000 }, async () => {
  const seed = Number(process.env.POSTROAD_SEED ?? randomInt(2 ** 31));
  const random = createSeededRandom(seed);
  await using office = await openPostOffice();
  const numbers = { next: 1 };
  const acknowledged = new Set<number>();
  let isOver = false;
  const load = Array.from({ length: clients }, () =>
    submitNumbers(office, numbers, acknowledged, () => isOver),
  );
  for (let kill = 0; kill < kills; kill++) {
    const before = acknowledged.size;
    await poll('mail flows', () => acknowledged.size > before);
    await wait(random.number() * killAfterMsMax);
    await office.kill();
    await office.restart();
  }
  const last = acknowledged.size;
  await poll('mail flows after the last kill', () => acknowledged.size > last);
  isOver = true;
  await Promise.all(load);

  const client = await openImap(office.ports.imap, bob);
  const missing = await poll('every acknowledged message is in the mailbox', async () => {
    const found = await numbersIn(client);
    const lost = [...acknowledged].filter((number) => !found.has(number));
    return lost.length === 0 && found;
  }).catch(async () => numbersIn(client));
  await client.logout();
  const lost = [...acknowledged].filter((number) => !missing.has(number));
  const copies = [...missing.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `kill -9 under load: seed ${seed}, ${kills} kills, ${acknowledged.size} acknowledged, ` +
      `${missing.size} arrived, ${copies - missing.size} duplicates, ${lost.length} lost`,
  );
  expect(lost, `seed ${seed}`).toEqual([]);
});

/** How often each number is in the mailbox. */
async function numbersIn(client: Awaited<ReturnType<typeof openImap>>): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  for (const message of await messagesOf(client)) {
    const text = message.toString('latin1');
    const number = Number(/^Subject: number (\d+)\r$/m.exec(text)?.[1]);
    if (!text.endsWith(`\r\nthis is ${number}\r\n`)) throw new Error(`message ${number} is not whole`);
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return counts;
}
