/**
 * Thunderbird reads its inbox. By hand, for it is large and slow to start: `npm run test:thunderbird`; with
 * `THUNDERBIRD_PICTURE=FILE.png` it leaves a picture of its window, as in docs/images.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { expect, it, onTestFinished } from 'vitest';
import { poll } from '../../testing/poll.js';
import { missingPrograms } from '../../testing/run-tool.js';
import { alice, bob, messagesOf, type OpenPostOffice, openImap, openPostOffice } from './open-post-office.js';
import { startThunderbird } from './thunderbird.js';

async function send(office: OpenPostOffice, subject: string, text: string): Promise<void> {
  const transport = createTransport({
    host: '127.0.0.1',
    port: office.ports.submission,
    auth: { user: bob.login, pass: bob.password },
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ from: `Bob <${bob.login}>`, to: alice.login, subject, text });
}

const missing = missingPrograms('thunderbird', 'Xvfb');
const isWanted = process.env.THUNDERBIRD !== undefined;
const why = missing.length > 0 ? `: ${missing.join(', ')} not installed` : ' unless THUNDERBIRD is set';

it.skipIf(!isWanted || missing.length > 0)(
  `Thunderbird shows the inbox, a message in it, and a new one at once (SKIPPED${why}; by hand: npm run test:thunderbird)`,
  async () => {
    await using office = await openPostOffice();
    await send(office, 'The coach leaves at dawn', 'Bring the letters.');
    await send(office, 'Grüße aus Köln', 'Viele Grüße!');
    const client = await openImap(office.ports.imap, alice);
    await poll('both are in the inbox', async () => (await messagesOf(client)).length >= 2);
    const directory = await mkdtemp(join(tmpdir(), 'thunderbird-'));
    try {
      const thunderbird = await startThunderbird(directory, office.ports.imap, alice);
      // Also when the test takes too long.
      onTestFinished(() => thunderbird[Symbol.asyncDispose]());
      const old = ['Grüße aus Köln', 'The coach leaves at dawn'];
      const shows = async (what: string, subjects: readonly string[]) =>
        poll(what, async () => subjects.every((one) => seen.subjects.includes(one)) || (await lookAgain()));
      let seen = await thunderbird.look();
      const lookAgain = async (): Promise<undefined> => {
        seen = await thunderbird.look();
      };
      await shows('the list shows both', old);
      expect(seen.title).toContain('Inbox');
      expect(seen.folders).toEqual(expect.arrayContaining(['Drafts', 'Sent', 'Trash']));
      await thunderbird.open(seen.subjects.indexOf('Grüße aus Köln'));
      await poll('the message is open', async () => (await thunderbird.look()).text.includes('Viele Grüße!'));
      // RFC 9051 section 6.3.13: it waits in IDLE and is told.
      await send(office, 'Stage list for November', 'See the list of inns.');
      await shows('the list shows the new one', ['Stage list for November', ...old]);
      await poll('reading marked it as read', async () => (await client.search({ seen: true })) !== false);
      expect(await readSubjects(client)).toEqual(['Grüße aus Köln']);
      const { THUNDERBIRD_PICTURE: picture } = process.env;
      if (picture !== undefined) await writeFile(picture, await thunderbird.picture());
      await thunderbird[Symbol.asyncDispose]();
    } finally {
      await rm(directory, { recursive: true, force: true });
      await client.logout();
    }
  },
  240_000,
);

async function readSubjects(client: Awaited<ReturnType<typeof openImap>>): Promise<readonly unknown[]> {
  const lock = await client.getMailboxLock('INBOX');
  try {
    const subjects: unknown[] = [];
    for await (const { envelope } of client.fetch({ seen: true }, { envelope: true }))
      subjects.push(envelope?.subject);
    return subjects;
  } finally {
    lock.release();
  }
}
