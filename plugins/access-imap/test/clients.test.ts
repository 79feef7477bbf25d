/** Clients from Debian's packages against a whole server. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type ImapFixture, startImap } from './start-imap.js';

const run = promisify(execFile);

const message = (subject: string, body = `body of ${subject}`) =>
  `From: a@example.org\nTo: alice@example.org\nSubject: ${subject}\nMessage-ID: <${subject}@example.org>\nDate: Mon, 1 Jan 2024 10:00:00 +0000\n\n${body}\n`;

function has(program: string, argument = '--version'): boolean {
  return spawnSync(program, [argument], { stdio: 'ignore', timeout: 20_000 }).error === undefined;
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && /\/(?:cur|new)$/.test(entry.parentPath))
      found.push(join(entry.parentPath, entry.name));
  }
  return found;
}

async function subjectsBelow(folder: string): Promise<string[]> {
  const texts = await Promise.all((await filesBelow(folder)).map((file) => readFile(file, 'utf8')));
  return texts.map((text) => /^Subject: (.*?)\r?$/m.exec(text)?.[1] ?? '').sort();
}

/** The file of the message with that subject. */
async function fileOf(folder: string, subject: string): Promise<string> {
  for (const file of await filesBelow(folder)) {
    if ((await readFile(file, 'utf8')).includes(`Subject: ${subject}`)) return file;
  }
  throw new Error(`there is no message ${subject}`);
}

async function subjectsOf(imap: ImapFixture, name = 'INBOX'): Promise<(string | null | undefined)[]> {
  const mailbox = await imap.store.mailboxByName('alice', name);
  if (mailbox === undefined) return [];
  const entries = await imap.store.entries(mailbox.id);
  const messages = await imap.store.messages(entries.map((entry) => entry.messageId));
  return messages.map((found) => found?.envelope.subject).sort();
}

// They are whole programs: on a busy machine each start takes its time.
describe('clients that others wrote read IMAP:', { timeout: 120_000 }, () => {
  it.skipIf(!has('curl'))(
    'curl by STARTTLS and implicit TLS (skipped when curl is not installed)',
    async () => {
      await using imap = await startImap();
      const long = message('long', 'line of text\n'.repeat(20_000));
      await imap.file(message('one'));
      await imap.file(long);
      const curl = async (...args: string[]) => {
        const options = { maxBuffer: 10_000_000, encoding: 'buffer' } as const;
        const all = ['-s', '-S', '-k', '--ssl-reqd', '--user', 'alice@example.org:wonder land', ...args];
        return (await run('curl', all, options)).stdout.toString();
      };
      for (const url of [`imap://127.0.0.1:${imap.port}`, `imaps://127.0.0.1:${imap.tlsPort}`]) {
        expect(await curl(`${url}/`)).toContain('"/" INBOX');
        expect(await curl(`${url}/INBOX;UID=1`)).toBe(message('one').replace(/\n/g, '\r\n'));
        expect(await curl(`${url}/INBOX;UID=2`)).toBe(long.replace(/\n/g, '\r\n'));
        expect(await curl(`${url}/INBOX?SUBJECT%20one`)).toContain('* SEARCH 1');
        for (const login of ['AUTH=PLAIN', 'AUTH=LOGIN']) {
          expect(await curl('--login-options', login, `${url}/`)).toContain('INBOX');
        }
      }
      await writeFile(join(imap.folder, 'new.eml'), message('uploaded').replace(/\n/g, '\r\n'));
      await curl('-T', join(imap.folder, 'new.eml'), `imap://127.0.0.1:${imap.port}/Drafts`);
      expect(await subjectsOf(imap, 'Drafts')).toEqual(['uploaded']);
      const wrong = ['--user', 'alice@example.org:wrong', `imap://127.0.0.1:${imap.port}/`];
      await expect(curl(...wrong)).rejects.toMatchObject({ code: 67 });
    },
  );

  it.skipIf(!has('mbsync'))(
    'mbsync, twice, with changes on both sides (skipped when isync is not installed)',
    async () => {
      await using imap = await startImap();
      const local = join(imap.folder, 'mail');
      await mkdir(local);
      await imap.file(message('one'));
      await imap.file(message('two'));
      await imap.file(message('three'), 'Archive');
      await imap.store.createMailbox('alice', 'Größe/Tiefe');
      await imap.file(message('deep'), 'Größe/Tiefe');
      const config = join(imap.folder, 'mbsyncrc');
      await writeFile(
        config,
        `IMAPStore far
Host 127.0.0.1
Port ${imap.port}
User alice@example.org
Pass "wonder land"
SSLType STARTTLS
CertificateFile ${join(imap.folder, 'certificate.pem')}
PipelineDepth 50

MaildirStore near
Path ${local}/
Inbox ${local}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
SyncState *
`,
      );
      const certificate = (await readdir(imap.folder)).find((name) => /cert.*\.pem$|\.crt$/.test(name));
      const text = (await readFile(config, 'utf8')).replace(
        'certificate.pem',
        certificate ?? 'certificate.pem',
      );
      await writeFile(config, text);
      const sync = () => run('mbsync', ['-c', config, '-a'], { env: { ...process.env, HOME: imap.folder } });
      await sync();
      expect(await subjectsBelow(local)).toEqual(['deep', 'one', 'three', 'two']);
      // Far: a new message, a flag, a deletion. Near: a new message, a flag, a deletion.
      const inbox = await imap.store.mailboxByName('alice', 'INBOX');
      const archive = await imap.store.mailboxByName('alice', 'Archive');
      await imap.file(message('far new'));
      await imap.store.expunge(archive?.id ?? '', [1]);
      await imap.store.changeFlags(inbox?.id ?? '', [1], { mode: 'add', flags: ['\\Flagged'] });
      const files = await filesBelow(join(local, 'INBOX'));
      const two = (
        await Promise.all(files.map(async (file) => [file, await readFile(file, 'utf8')] as const))
      ).find(([, content]) => content.includes('Subject: two'));
      const name = (two?.[0] ?? '').split('/').at(-1) ?? '';
      await rename(two?.[0] ?? '', join(local, 'INBOX', 'cur', `${name.replace(/:2,.*$/, '')}:2,S`));
      await writeFile(join(local, 'INBOX', 'new', '1.near'), message('near new'));
      const [deep] = await filesBelow(join(local, 'Gr&APYA3w-e'));
      await rm(deep ?? '', { force: true });
      await sync();
      expect(await subjectsOf(imap)).toEqual(['far new', 'near new', 'one', 'two']);
      expect(await subjectsBelow(local)).toEqual(['far new', 'near new', 'one', 'two']);
      expect(await subjectsOf(imap, 'Größe/Tiefe')).toEqual([]);
      const flags = (await imap.store.entries(inbox?.id ?? '')).map((entry) => entry.flags.join(' '));
      expect(flags).toEqual(['\\Flagged', '\\Seen', '', '']);
      expect((await filesBelow(join(local, 'INBOX'))).filter((file) => file.endsWith('F')).length).toBe(1);
      await sync();
      expect(await subjectsOf(imap)).toEqual(['far new', 'near new', 'one', 'two']);
      expect(await subjectsBelow(local)).toEqual(['far new', 'near new', 'one', 'two']);
    },
  );

  it.skipIf(!has('mutt', '-v'))('mutt saves and deletes (skipped when mutt is not installed)', async () => {
    await using imap = await startImap();
    await imap.file(message('one'));
    await imap.file(message('two'));
    const rc = join(imap.folder, 'muttrc');
    await writeFile(
      rc,
      `set imap_user="alice@example.org"
set imap_pass="wonder land"
set ssl_starttls=yes
set ssl_force_tls=yes
set ssl_verify_host=no
set ssl_verify_dates=no
set certificate_file="${join(imap.folder, 'accepted')}"
set folder="imap://127.0.0.1:${imap.port}/"
set confirmappend=no
set delete=yes
set move=no
set mark_old=no
set imap_qresync=yes
set imap_condstore=yes
set record=""
set header_cache="${join(imap.folder, 'cache')}"
push "<tag-pattern>~s one<enter><tag-prefix><save-message>=Archive<enter><sync-mailbox><quit>"
`,
    );
    for (const name of await readdir(imap.folder)) {
      if (!/cert.*\.pem$|\.crt$/.test(name)) continue;
      await writeFile(join(imap.folder, 'accepted'), await readFile(join(imap.folder, name)));
    }
    const environment = { ...process.env, HOME: imap.folder, TERM: 'xterm', LC_ALL: 'C.UTF-8' };
    // It wants a terminal.
    const command = `mutt -n -F ${rc} -f imap://127.0.0.1:${imap.port}/INBOX`;
    await run('script', ['-qec', command, '/dev/null'], { env: environment, timeout: 60_000 });
    expect(await subjectsOf(imap, 'Archive')).toEqual(['one']);
    expect(await subjectsOf(imap)).toEqual(['two']);
  });

  it.skipIf(!has('fetchmail'))('fetchmail over IMAP (skipped when fetchmail is not installed)', async () => {
    await using imap = await startImap();
    await imap.file(message('one'));
    await imap.file(message('two'));
    const inbox = join(imap.folder, 'inbox');
    const rc = join(imap.folder, 'fetchmailrc');
    const poll = async (options: string) => {
      const config = `poll 127.0.0.1 service ${imap.port} protocol imap no dns
      user "alice@example.org" password "wonder land" sslproto "TLS1.2+" no sslcertck no rewrite ${options}
      mda "cat >>${inbox}"\n`;
      await writeFile(rc, config, { mode: 0o600 });
      const args = [
        '-f',
        rc,
        '--pidfile',
        join(imap.folder, 'fetchmail.pid'),
        '--invisible',
        '--nodetach',
        '--nosyslog',
        '-v',
      ];
      const env = { ...process.env, FETCHMAILHOME: imap.folder, HOME: imap.folder };
      await run('fetchmail', args, { env, timeout: 60_000 }).catch((error: { code: number }) => {
        // 1 means that there was nothing new.
        if (error.code !== 1) throw error;
      });
    };
    await poll('keep');
    expect(await readFile(inbox, 'utf8')).toMatch(/body of one[\s\S]*body of two/);
    await imap.file(message('three'));
    await poll('no keep');
    expect((await readFile(inbox, 'utf8')).match(/body of/g)).toHaveLength(3);
    expect(await subjectsOf(imap)).toEqual(['one', 'two']);
  });

  it.skipIf(!has('offlineimap'))(
    'offlineimap, twice, with changes on both sides (skipped when offlineimap3 is not installed)',
    async () => {
      await using imap = await startImap();
      for (const subject of ['one', 'four', 'five']) await imap.file(message(subject));
      await imap.file(message('two'), 'Archive');
      const rc = join(imap.folder, 'offlineimaprc');
      await writeFile(
        rc,
        `[general]
accounts = a
metadata = ${join(imap.folder, 'offlineimap')}
ui = basic
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = ${join(imap.folder, 'mail')}
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = ${imap.tlsPort}
remoteuser = alice@example.org
remotepass = wonder land
ssl = yes
cert_fingerprint = ${await fingerprint(imap)}
`,
      );
      const env = { ...process.env, HOME: imap.folder };
      const sync = () => run('offlineimap', ['-c', rc, '-o'], { env, timeout: 100_000 });
      await sync();
      const local = join(imap.folder, 'mail');
      expect(await subjectsBelow(local)).toEqual(['five', 'four', 'one', 'two']);
      // Far: a new message, a flag, a deletion. Near: a new message, a flag, a deletion.
      const inbox = (await imap.store.mailboxByName('alice', 'INBOX'))?.id ?? '';
      const archive = (await imap.store.mailboxByName('alice', 'Archive'))?.id ?? '';
      await imap.file(message('three'));
      await imap.store.changeFlags(inbox, [2], { mode: 'add', flags: ['\\Flagged'] });
      await imap.store.expunge(archive, [1]);
      await mkdir(join(local, 'INBOX', 'new'), { recursive: true });
      await writeFile(join(local, 'INBOX', 'new', '1.near'), message('near new'));
      const one = await fileOf(join(local, 'INBOX'), 'one');
      const name =
        one
          .split('/')
          .at(-1)
          ?.replace(/:2,.*$/, '') ?? '';
      await rename(one, join(local, 'INBOX', 'cur', `${name}:2,S`));
      await rm(await fileOf(join(local, 'INBOX'), 'five'));
      await sync();
      expect(await subjectsOf(imap)).toEqual(['four', 'near new', 'one', 'three']);
      expect(await subjectsOf(imap, 'Archive')).toEqual([]);
      expect(await subjectsBelow(local)).toEqual(['four', 'near new', 'one', 'three']);
      expect(await fileOf(join(local, 'INBOX'), 'four')).toMatch(/:2,F$/);
      expect((await imap.store.entries(inbox, { first: 1, last: 2 })).map(({ flags }) => flags)).toEqual([
        ['\\Seen'],
        ['\\Flagged'],
      ]);
    },
  );
});

async function fingerprint(imap: ImapFixture): Promise<string> {
  const { X509Certificate } = await import('node:crypto');
  for (const name of await readdir(imap.folder)) {
    if (!/cert.*\.pem$|\.crt$/.test(name)) continue;
    const certificate = new X509Certificate(await readFile(join(imap.folder, name)));
    return certificate.fingerprint512.replaceAll(':', '').toLowerCase();
  }
  throw new Error('no certificate');
}
