/** Other programs and the store on the same Maildir at once. Dovecot looks again when a second has passed: we ask until it did. */
import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Mailbox, type MailboxStore, readBody } from '@postroad/core';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { dovecotMissing, dovecotOn, has, otherUser } from './dovecot.js';
import { openStore } from './open-store.js';

const run = promisify(execFile);

/** Other programs look again when they think it is time. */
const patience = { timeout: 30_000, interval: 20 };

let scratch = '';
let maildir = '';
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'postroad-sharing-'));
  await chmod(scratch, 0o755);
  maildir = join(scratch, 'mail', 'alice');
  await mkdir(maildir, { recursive: true });
  if (otherUser.uid !== undefined) await chown(maildir, otherUser.uid, otherUser.gid);
});
afterEach(async () => {
  await rm(scratch, { recursive: true, maxRetries: 5 });
});

const message = (subject: string) => `From: a@example.org\nSubject: ${subject}\n\nbody of ${subject}\n`;

async function deliver(name: string, text: string, place = 'new'): Promise<void> {
  await writeFile(join(maildir, 'tmp', name), text);
  await rename(join(maildir, 'tmp', name), join(maildir, place, name));
}

/** Resolves when the store tells of a change of the mailbox list or of a mailbox. */
function nextNotice(store: MailboxStore): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.watch('alice', () => {
      stop();
      resolve();
    });
  });
}

describe('what other programs do to the files', () => {
  it('is told to those who watch, and gets UIDs, flags and CRLF', async () => {
    await using open = await openStore(scratch);
    const { store } = open;
    const mailbox = await store.mailboxByName('alice', 'INBOX');
    const id = mailbox?.id ?? '';
    const delivered = nextNotice(store);
    await deliver('1700000000.one.host', message('one'));
    await delivered;
    await deliver('1700000001.two.host:2,FS', message('two'), 'cur');
    const [one, two] = await open.inbox();
    expect(one).toMatchObject({ uid: 1, flags: [], subject: 'one' });
    expect(two).toMatchObject({ uid: 2, flags: ['\\Flagged', '\\Seen'], subject: 'two' });
    const body = await store.open(one?.messageId ?? '');
    expect((await readBody(body as NonNullable<typeof body>, 1_000)).toString()).toBe(
      message('one').replaceAll('\n', '\r\n'),
    );
    expect(one?.sizeBytes).toBe(message('one').replaceAll('\n', '\r\n').length);
    const { highestModSeq: since } = (await store.mailbox(id)) as NonNullable<typeof mailbox>;
    const flagged = nextNotice(store);
    await rename(
      join(maildir, 'new', '1700000000.one.host'),
      join(maildir, 'cur', '1700000000.one.host:2,RS'),
    );
    await flagged;
    const changes = await store.changes(id, since);
    expect(changes.changed).toMatchObject([{ uid: 1, flags: ['\\Answered', '\\Seen'] }]);
    await unlink(join(maildir, 'cur', '1700000001.two.host:2,FS'));
    expect(await store.changes(id, changes.highestModSeq)).toMatchObject({ vanished: [2], isComplete: true });
  });

  it('is not overwritten by a change made from an older view', async () => {
    await using open = await openStore(scratch);
    const { store } = open;
    await open.file(message('one'), ['\\Seen']);
    const [one] = await open.inbox();
    const id = (await store.mailboxByName('alice', 'INBOX'))?.id ?? '';
    const [name = ''] = await readdir(join(maildir, 'cur'));
    await rename(join(maildir, 'cur', name), join(maildir, 'cur', `${name.split(':')[0]}:2,FS`));
    const changed = await store.changeFlags(id, [one?.uid ?? 0], { mode: 'add', flags: ['\\Answered'] });
    expect(changed.entries[0]?.flags).toEqual(['\\Answered', '\\Flagged', '\\Seen']);
    expect(await readdir(join(maildir, 'cur'))).toEqual([`${name.split(':')[0]}:2,FRS`]);
  });

  it('may be links, directories and rubbish, which are no messages', async () => {
    await using open = await openStore(scratch);
    await open.file(message('one'));
    await writeFile(join(scratch, 'secret'), message('secret'));
    await symlink(join(scratch, 'secret'), join(maildir, 'cur', '1.link.host:2,S'));
    await mkdir(join(maildir, 'cur', '2.directory.host:2,S'));
    await writeFile(join(maildir, 'cur', '.hidden'), 'x');
    await mkdir(join(maildir, '.a..b'));
    await symlink('/etc', join(maildir, '.Etc'));
    expect((await open.inbox()).map(({ subject }) => subject)).toEqual(['one']);
    expect(await open.store.mailboxes('alice')).toHaveLength(6);
  });

  it('says what is recent: what stands in `new`, until somebody has seen it', async () => {
    await using open = await openStore(scratch);
    const { store } = open;
    await open.inbox();
    await deliver('1.one.host', message('one'));
    await deliver('2.two.host:2,', message('two'), 'cur');
    await deliver('3.three.host', message('three'));
    await open.inbox();
    const mailbox = (await store.mailboxByName('alice', 'INBOX')) as Mailbox;
    expect(await store.firstRecent?.(mailbox.id)).toBe(1);
    await rename(join(maildir, 'new', '1.one.host'), join(maildir, 'cur', '1.one.host:2,'));
    expect([await store.firstRecent?.(mailbox.id, 3), await store.firstRecent?.(mailbox.id)]).toEqual([3, 4]);
    expect(await readdir(join(maildir, 'new'))).toEqual([]);
    expect(await readdir(join(maildir, 'cur'))).toContain('3.three.host:2,');
    expect(await store.mailbox(mailbox.id)).toEqual(mailbox);
    await deliver('4.four.host', message('four'));
    await deliver('5.five.host', message('five'));
    await open.inbox();
    // Somebody read the later one only: where one can't say it of each, a message is recent rather than not.
    await rename(join(maildir, 'new', '5.five.host'), join(maildir, 'cur', '5.five.host:2,S'));
    expect(await store.firstRecent?.(mailbox.id)).toBe(4);
  });

  it('may be a rename of a mailbox, which keeps its UIDs', async () => {
    await using open = await openStore(scratch);
    await open.file(message('one'), [], 'Work');
    const before = await open.store.mailboxByName('alice', 'Work');
    await rename(join(maildir, '.Work'), join(maildir, '.Play'));
    const after = await open.store.mailboxByName('alice', 'Play');
    expect(after).toMatchObject({ id: before?.id, uidValidity: before?.uidValidity, messages: 1 });
    expect(await open.store.mailboxByName('alice', 'Work')).toBeUndefined();
  });
});

test('a second process is refused, and one that is gone is not waited for', async () => {
  const lock = join(scratch, 'mail', 'postroad-lock');
  await using open = await openStore(scratch);
  await open.inbox();
  await expect(openStore(scratch)).rejects.toMatchObject({ code: 'E_STATE' });
  const text = await readFile(lock, 'utf8');
  expect(text).toMatch(/^\d+ \d*\n$/);
});

describe.skipIf(dovecotMissing !== undefined)(
  `Dovecot on the same Maildir (${dovecotMissing ?? 'it is here'})`,
  () => {
    it('sees our messages, flags and mailboxes, and we see its', { timeout: 60_000 }, async () => {
      await using open = await openStore(scratch);
      const { store } = open;
      await open.file(message('ours'), ['\\Flagged', 'Work', '$Forwarded']);
      await store.createMailbox('alice', 'Größe/Tiefe');
      await using dovecot = await dovecotOn(maildir, scratch);
      const list = await dovecot.send('LIST "" *');
      for (const name of ['INBOX', 'Sent', 'Gr&APYA3w-e/Tiefe']) expect(list).toContain(` ${name}\r\n`);
      expect(await dovecot.send('LSUB "" *')).toContain(' Archive\r\n');
      await dovecot.send('SELECT INBOX');
      const fetched = await dovecot.send('FETCH 1 (FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[])');
      expect(fetched).toContain(message('ours').replaceAll('\n', '\r\n'));
      expect(fetched).toContain(`RFC822.SIZE ${message('ours').replaceAll('\n', '\r\n').length}`);
      expect(fetched).toContain('02-Jan-2024');
      for (const flag of ['\\Flagged', 'Work', '$Forwarded']) expect(fetched).toContain(flag);

      await dovecot.send('STORE 1 +FLAGS (\\Seen Play)');
      await dovecot.send('STORE 1 -FLAGS (Work)');
      const theirs = message('theirs').replaceAll('\n', '\r\n');
      dovecot.write(`a APPEND INBOX (\\Answered Work) {${theirs.length}+}\r\n${theirs}\r\n`);
      await dovecot.until('a OK');
      const [ours, other] = await open.inbox();
      expect(ours).toMatchObject({ subject: 'ours', flags: ['$Forwarded', 'Play', '\\Flagged', '\\Seen'] });
      expect(other).toMatchObject({ subject: 'theirs', flags: ['Work', '\\Answered'], uid: 2 });
      const body = await store.open(other?.messageId ?? '');
      expect((await readBody(body as NonNullable<typeof body>, 1_000)).toString()).toBe(theirs);

      const id = (await store.mailboxByName('alice', 'INBOX'))?.id ?? '';
      await store.changeFlags(id, [1], { mode: 'replace', flags: ['\\Answered', 'Fresh'] });
      const seesFlags = /1 FETCH \(UID 1 FLAGS \(\\Answered (?:\\Recent )?Fresh\)/;
      const seen = async () => {
        await dovecot.send('NOOP');
        return await dovecot.send('FETCH 1:* (UID FLAGS)');
      };
      await expect.poll(seen, patience).toMatch(seesFlags);
      await store.move(id, [2], (await store.mailboxByName('alice', 'Archive'))?.id ?? '');
      await expect
        .poll(() => dovecot.send('STATUS Archive (MESSAGES UNSEEN)'), patience)
        .toContain('(MESSAGES 1 UNSEEN 1)');
      await dovecot.send('CREATE New/Box');
      await dovecot.send('SUBSCRIBE New/Box');
      expect(await store.mailboxByName('alice', 'New/Box')).toMatchObject({
        isSubscribed: true,
        messages: 0,
      });
      for (const subject of ['first', 'second']) await open.file(message(subject), [], 'Sent');
      const sent = (await store.mailboxByName('alice', 'Sent'))?.id ?? '';
      expect(await store.firstRecent?.(sent, 1)).toBe(1);
      // Dovecot goes by its own numbers, but it too moves what it has told of.
      await expect.poll(() => dovecot.send('SELECT Sent'), patience).toContain('* 2 EXISTS');
      expect(await store.firstRecent?.(sent)).toBe(3);
      await dovecot.send('RENAME New/Box Other');
      expect(await store.mailboxByName('alice', 'Other')).toBeDefined();
      await dovecot.send('SELECT INBOX');
      await dovecot.send('STORE 1 +FLAGS (\\Deleted)');
      await dovecot.send('EXPUNGE');
      expect(await open.inbox()).toEqual([]);
    });

    it('hands its UIDs over when we first meet the mailbox', { timeout: 60_000 }, async () => {
      {
        await using dovecot = await dovecotOn(maildir, scratch);
        for (const subject of ['one', 'two', 'three']) {
          const text = message(subject).replaceAll('\n', '\r\n');
          dovecot.write(`${subject} APPEND INBOX {${text.length}+}\r\n${text}\r\n`);
          await dovecot.until(`${subject} OK`);
        }
        await dovecot.send('SELECT INBOX');
        await dovecot.send('STORE 2 +FLAGS (\\Deleted)');
        await dovecot.send('EXPUNGE');
      }
      const list = await readFile(join(maildir, 'dovecot-uidlist'), 'utf8');
      await using open = await openStore(scratch);
      expect((await open.inbox()).map(({ uid, subject }) => [uid, subject])).toEqual([
        [1, 'one'],
        [3, 'three'],
      ]);
      const mailbox = await open.store.mailboxByName('alice', 'INBOX');
      expect(mailbox?.uidNext).toBe(4);
      // Dovecot's session was the first to see them.
      expect(await open.store.firstRecent?.(mailbox?.id ?? '')).toBe(4);
      expect(list).toContain(` V${mailbox?.uidValidity} `);
    });

    it('delivers while we deliver and change flags; nothing is lost', { timeout: 60_000 }, async () => {
      await using open = await openStore(scratch);
      await using dovecot = await dovecotOn(maildir, scratch);
      await dovecot.send('SELECT INBOX');
      const theirs = (async () => {
        for (let number = 0; number < 30; number++) {
          const text = message(`their ${number}`).replaceAll('\n', '\r\n');
          dovecot.write(`d${number} APPEND INBOX {${text.length}+}\r\n${text}\r\n`);
          await dovecot.until(`d${number} OK`);
          await dovecot.send('STORE 1:* +FLAGS (\\Flagged)');
        }
      })();
      const id = (await open.store.mailboxByName('alice', 'INBOX'))?.id ?? '';
      for (let number = 0; number < 30; number++) {
        await open.file(message(`our ${number}`));
        const uids = (await open.store.entries(id)).map(({ uid }) => uid);
        await open.store.changeFlags(id, uids, { mode: 'add', flags: ['\\Seen'] });
      }
      await theirs;
      await expect.poll(() => dovecot.send('SELECT INBOX'), patience).toContain('* 60 EXISTS');
      await dovecot.send('STORE 1:* +FLAGS (\\Answered \\Flagged)');
      const found = await open.inbox();
      expect(found).toHaveLength(60);
      expect(new Set(found.map(({ subject }) => subject)).size).toBe(60);
      expect(found.every(({ flags }) => flags.includes('\\Flagged') && flags.includes('\\Answered'))).toBe(
        true,
      );
      const ours = found.filter(({ subject }) => subject?.startsWith('our'));
      expect(ours.every(({ flags }) => flags.includes('\\Seen'))).toBe(true);
    });
  },
);

it.skipIf(!has('mutt', '-v'))(
  'mutt saves and deletes on the same Maildir (skipped when mutt is not installed)',
  { timeout: 60_000 },
  async () => {
    await using open = await openStore(scratch);
    await open.file(message('one'));
    await open.file(message('two'), ['Work']);
    const rc = join(scratch, 'muttrc');
    const keys = '<tag-pattern>~s one<enter><tag-prefix><save-message>=.Archive<enter><sync-mailbox><quit>';
    await writeFile(
      rc,
      `set folder="${maildir}"\nset mbox_type=Maildir\nset confirmappend=no\nset delete=yes\nset move=no\nset record=""\nset mark_old=yes\npush "${keys}"\n`,
    );
    const env = { ...process.env, HOME: scratch, TERM: 'xterm', LC_ALL: 'C.UTF-8' };
    await run('script', ['-qec', `mutt -n -F ${rc} -f ${maildir}`, '/dev/null'], { env, timeout: 50_000 });
    expect(await open.inbox()).toMatchObject([{ subject: 'two', flags: ['Work'] }]);
    const archive = await open.store.mailboxByName('alice', 'Archive');
    const [saved] = await open.store.entries(archive?.id ?? '');
    const [found] = await open.store.messages([saved?.messageId ?? '']);
    expect(found?.envelope.subject).toBe('one');
  },
);
