/** The journey of a message and of its answer to mistakes, step by step; every step is checked before it is told. */
import { randomBytes } from 'node:crypto';
import { formatReply, type StoredEvent } from '@postroad/core';
import type { ImapFlow } from 'imapflow';
import { attachmentOf, downloadByPop3, openDevice, sourceOf, submit } from './clients.js';
import { must, type Narrator } from './narrator.js';
import { isAttempt, isDelivered, isStored } from './observe-journey.js';
import { askAsStranger } from './stranger.js';
import type { Server, Town } from './town.js';

const alice = 'alice@north.example';
const bob = 'bob@south.example';
const attachment = randomBytes(50_000);

/** Plays the whole story; rejects at the first step that does not hold. */
export async function playStory(town: Town, narrator: Narrator): Promise<void> {
  await mailLeavesHome(town, narrator);
  const south = await otherServerComesUp(town, narrator);
  await messageIsRead(south, narrator);
  await mailComesBack(town, narrator);
}

async function mailLeavesHome({ north, dns, southPort }: Town, { step }: Narrator): Promise<void> {
  await step("Alice's client gives a wrong password, and sends nothing", async (say) => {
    const letter = { from: alice, to: bob, subject: 'Horses', text: '' };
    const refusal = await submit(north, letter, 'a guess').then(
      () => undefined,
      (error: { response?: string }) => error.response,
    );
    must(refusal?.startsWith('535 5.7.8') === true, 'the login is refused');
    say(`mx.north.example says: ${refusal}`);
  });
  await step('Alice writes to Carol in her own domain; the message does not leave the house', async (say) => {
    const stored = north.watcher.next(isStored);
    await submit(north, { from: alice, to: 'carol@north.example', subject: 'Tea?', text: 'At four.' });
    const { event } = await stored;
    say(`it lies in Carol's inbox with UID ${uidOf(event)}`);
  });
  const attempt = north.watcher.next(isAttempt);
  await step('Alice writes to Bob in another domain, with an attachment', async (say) => {
    const reply = await submit(north, {
      from: alice,
      to: bob,
      subject: 'Horses',
      text: 'Dear Bob,\n\nthe list of horses is attached.\n\nAlice\n',
      attachments: [{ filename: 'horses.bin', content: attachment }],
    });
    must(reply.startsWith('250 2.0.0'), 'the message is accepted');
    say(`mx.north.example says: ${reply}`);
    say('It is on disk now: the server answers for it.');
  });
  await step("Bob's server is looked up and called, and it is down", async (say) => {
    const { report, delivery } = await attempt;
    must(dns.questions.includes('MX south.example'), 'DNS is asked for the MX of south.example');
    say(`DNS is asked: ${dns.questions.filter((question) => question.includes('south.example')).join(', ')}`);
    const reply = report.outcomes[0]?.reply;
    must(reply !== undefined && reply.code >= 400 && reply.code < 500, 'the try fails for now');
    say(
      `127.0.0.1:${southPort} does not answer (try ${delivery.recipients[0]?.attempts}): ${formatReply(reply)}`,
    );
  });
  await step('The message waits in the queue and is tried again', async (say) => {
    const { delivery } = await north.watcher.next(isAttempt);
    const { recipients } = await north.mta.queue.list({ domain: 'south.example' }, { limit: 10 });
    must(recipients.length === 1, 'the queue holds one recipient');
    say(`${bob} is in the queue; tries until now: ${delivery.recipients[0]?.attempts}`);
  });
}

async function otherServerComesUp(town: Town, { step }: Narrator): Promise<Server> {
  const { north } = town;
  const delivered = north.watcher.next(isDelivered);
  // The story may end before it is waited for.
  delivered.catch(() => undefined);
  const { south, stored } = await step('The server of south.example comes up', async (say) => {
    const opened = await town.openSouth();
    say(`mx.south.example listens on 127.0.0.1:${opened.port('smtp')}`);
    return { south: opened, stored: opened.watcher.next(isStored) };
  });
  await step('It takes mail for its own domain and users only', async (say) => {
    const asked = await askAsStranger(south.port('smtp'), [
      'nobody@south.example',
      'carol@north.example',
      bob,
    ]);
    must(asked[0]?.startsWith('550 5.1.1') === true, 'an unknown user is refused');
    must(asked[1]?.startsWith('550 5.7.1') === true, 'a foreign domain is refused');
    must(asked[2]?.startsWith('250') === true, 'a user is accepted');
    say(`nobody@south.example: ${asked[0]}`);
    say(`carol@north.example:  ${asked[1]}`);
    say(`${bob}:    ${asked[2]}`);
  });
  await step('The waiting message is tried once more, and arrives', async (say) => {
    const { delivery, report } = await delivered;
    const outcome = report.outcomes[0];
    must(outcome !== undefined, 'the other server has answered');
    say(`try ${delivery.recipients[0]?.attempts}, over ${report.tls ?? 'no TLS'}`);
    say(`${outcome.remote?.name} says: ${formatReply(outcome.reply)}`);
    const { event } = await stored;
    say(`It is in Bob's inbox with UID ${uidOf(event)}.`);
  });
  return south;
}

async function messageIsRead(south: Server, { step }: Narrator): Promise<void> {
  const phone = await openDevice(south, bob);
  const desk = await openDevice(south, bob);
  try {
    await step('Bob reads it on his phone over IMAP; the attachment is what Alice sent', async (say) => {
      const source = await sourceOf(phone, '1');
      must(/^Subject: Horses\r$/m.test(source), 'the subject is there');
      must(
        (await attachmentOf(phone, '1', '2')).equals(attachment),
        'every octet of the attachment is there',
      );
      say(`horses.bin: ${attachment.length} octets, all of them as they were sent. The way it came:`);
      for (const field of traceOf(source)) say(field);
    });
    await step('Bob flags it on the phone; his desk shows it at once', async (say) => {
      const seen = heard<{ flags: Set<string> }>(desk, 'flags');
      const idling = desk.idle();
      await phone.messageFlagsAdd('1', ['\\Flagged']);
      const { flags } = await seen;
      must(flags.has('\\Flagged'), 'the flag is on the desk');
      say(`the idling desk is told: ${[...flags].join(' ')}`);
      await desk.noop();
      await idling;
    });
    await step('Bob downloads it over POP3, which removes it; the phone is told', async (say) => {
      const gone = heard<{ seq: number }>(phone, 'expunge');
      const idling = phone.idle();
      const content = await downloadByPop3(south, bob);
      must(content.includes('Subject: Horses'), 'the message is downloaded');
      const { seq } = await gone;
      say(`${content.length} octets come; the idling phone is told that message ${seq} is gone`);
      await phone.noop();
      await idling;
    });
  } finally {
    await Promise.all([phone.logout(), desk.logout()]);
  }
}

async function mailComesBack({ north }: Town, { step }: Narrator): Promise<void> {
  await step('Alice mistypes a name; the report comes back to her and says why', async (say) => {
    const device = await openDevice(north, alice);
    const stored = north.watcher.next(isStored);
    await submit(north, { from: alice, to: 'bop@south.example', subject: 'Oops', text: 'Are you there?' });
    const { event } = await stored;
    must(event.message.reversePath === null, 'the report has the null reverse-path');
    await device.noop();
    const source = await sourceOf(device, '*');
    await device.logout();
    for (const [name, value] of [
      ['Final-Recipient', 'rfc822; ?bop@south.example'],
      ['Action', 'failed'],
      ['Status', '5.1.1'],
      ['Remote-MTA', 'dns; ?mx.south.example'],
      ['Diagnostic-Code', 'smtp; ?550 5.1.1'],
    ]) {
      const field = new RegExp(`^${name}: ${value}.*$`, 'm').exec(source)?.[0];
      must(field !== undefined, `the report names ${name}`);
      say(field.trimEnd());
    }
    must(/^Subject: Oops\r$/m.test(source), 'her message is attached to it');
  });
  await step('Nothing is left in the queue', async (say) => {
    const { recipients } = await north.mta.queue.count();
    must(recipients === 0, 'the queue is empty');
    say('every message has arrived or was answered for');
  });
}

function uidOf({ filed }: StoredEvent): number {
  must(filed.status === 'filed', 'the message is filed');
  return filed.uid;
}

/** The Received fields of a message, the latest first, each in one line (RFC 5321 section 4.4). */
function traceOf(source: string): readonly string[] {
  const header = source.slice(0, source.indexOf('\r\n\r\n') + 2).replace(/\r\n[ \t]+/g, ' ');
  return header.split('\r\n').filter((line) => line.startsWith('Received: '));
}

function heard<T>(device: ImapFlow, event: string): Promise<T> {
  return new Promise((resolve) => device.once(event, resolve));
}
