import { execFile, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Pop3Command from 'node-pop3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Pop3Fixture, startPop3, uidsOf } from './start-pop3.js';

const run = promisify(execFile);

const messages = [
  'From: a@example.org\nSubject: one\nMessage-ID: <1@example.org>\n\nfirst\n.\n..two dots\n.dot\n\nlast\n',
  `From: a@example.org\nSubject: long\nMessage-ID: <2@example.org>\n\n${'0123456789'.repeat(90)}\n`
    .repeat(1)
    .concat('line of text\n'.repeat(20_000)),
  'From: a@example.org\nSubject: =?utf-8?q?caf=C3=A9?=\nMessage-ID: <3@example.org>\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nnaïve café ☕\n',
];
const bodyOf = (text: string) => text.slice(text.indexOf('\n\n') + 2);

/** getmail delivers nothing as root. */
async function giveToNobody(folder: string, maildir: string): Promise<void> {
  await chmod(folder, 0o711);
  for (const name of ['.', 'cur', 'new', 'tmp']) await chown(join(maildir, name), 65_534, 65_534);
}

function has(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore', timeout: 20_000 }).error === undefined;
}

// They are whole programs: on a busy machine each start takes its time.
describe('clients that others wrote read POP3:', { timeout: 120_000 }, () => {
  let pop3: Pop3Fixture;
  let folder: string;
  beforeEach(async () => {
    pop3 = await startPop3({ plaintextAuth: false });
    for (const text of messages) await pop3.file(text);
    folder = await mkdtemp(join(tmpdir(), 'postroad-pop3-client-'));
  });
  afterEach(async () => {
    await pop3[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('node-pop3 over TLS from the first octet', async () => {
    const client = new Pop3Command({
      user: 'alice@example.org',
      password: 'wonder land',
      host: '127.0.0.1',
      port: pop3.tlsPort,
      tls: true,
      timeout: 10_000,
      tlsOptions: { rejectUnauthorized: false },
    });
    const ids = (await client.UIDL()) as string[][];
    expect(ids.map(([number]) => number)).toEqual(['1', '2', '3']);
    // It hands the answer on with the doubled dots.
    expect(await client.RETR(1)).toContain('first\r\n..\r\n...two dots\r\n..dot\r\n\r\nlast');
    expect(await client.TOP(1, 1)).toMatch(/Subject: one[\s\S]*first$/);
    await client.command('DELE', '1');
    await client.QUIT();
    expect(await uidsOf(pop3.store)).toEqual([2, 3]);
  });

  const curl = (...args: string[]) =>
    run('curl', ['-s', '-S', '-k', '--user', 'alice@example.org:wonder land', ...args], {
      maxBuffer: 10_000_000,
      encoding: 'buffer',
    }).then(({ stdout }) => stdout.toString());

  it.skipIf(!has('curl'))(
    'curl by STLS and by implicit TLS (skipped when curl is not installed)',
    async () => {
      for (const url of [`pop3://127.0.0.1:${pop3.port}`, `pop3s://127.0.0.1:${pop3.tlsPort}`]) {
        expect(await curl('--ssl-reqd', `${url}/`)).toMatch(/^1 \d+\r\n2 \d+\r\n3 \d+\r\n$/);
        for (const [index, text] of messages.entries()) {
          expect(await curl('--ssl-reqd', `${url}/${index + 1}`)).toBe(text.replace(/\n/g, '\r\n'));
        }
        expect(await curl('--ssl-reqd', '-X', 'UIDL', `${url}/`)).toMatch(
          /^1 \d+\.1\r\n2 \d+\.2\r\n3 \d+\.3\r\n$/,
        );
        for (const login of ['AUTH=PLAIN', 'AUTH=LOGIN']) {
          expect(await curl('--ssl-reqd', '--login-options', login, `${url}/`)).toMatch(/^1 /);
        }
        expect(await curl('--ssl-reqd', '--sasl-ir', '--login-options', 'AUTH=PLAIN', `${url}/1`)).toContain(
          'first',
        );
      }
      await expect(curl(`pop3://127.0.0.1:${pop3.port}/1`), 'without TLS').rejects.toMatchObject({
        code: 67,
      });
      const wrong = ['--ssl-reqd', '--user', 'alice@example.org:wrong', `pop3://127.0.0.1:${pop3.port}/1`];
      await expect(curl(...wrong)).rejects.toMatchObject({ code: 67 });
    },
  );

  it.skipIf(!has('fetchmail'))(
    'fetchmail, leaving and then removing the mail (skipped when fetchmail is not installed)',
    async () => {
      const inbox = join(folder, 'inbox');
      const rc = join(folder, 'fetchmailrc');
      const poll = async (options: string) => {
        const config = `poll 127.0.0.1 service ${pop3.port} protocol pop3 uidl no dns
        user "alice@example.org" password "wonder land" sslproto "TLS1.2+" no sslcertck no rewrite ${options}
        mda "cat >>${inbox}"\n`;
        await writeFile(rc, config, { mode: 0o600 });
        const pid = join(folder, 'fetchmail.pid'); // Its usual one is the machine's, and forbids a second fetchmail.
        return run(
          'fetchmail',
          ['-f', rc, '--pidfile', pid, '--invisible', '--nodetach', '--nosyslog', '-v'],
          {
            env: { ...process.env, FETCHMAILHOME: folder, HOME: folder },
            timeout: 60_000,
          },
        ).then(
          ({ stdout, stderr }) => stdout + stderr,
          (error) => error as { code: number; stdout: string },
        );
      };
      await poll('keep');
      const read = (await readFile(inbox)).toString();
      for (const text of messages) expect(read).toContain(bodyOf(text));
      expect(await poll('keep'), 'nothing new').toMatchObject({ code: 1 });
      await pop3.file('Subject: four\n\nfourth\n');
      await poll('no keep');
      expect((await readFile(inbox)).toString()).toContain('fourth');
      expect(await uidsOf(pop3.store)).toEqual([1, 2, 3]);
      await poll('no keep fetchall');
      expect(await uidsOf(pop3.store)).toEqual([]);
    },
  );

  it.skipIf(!has('getmail'))(
    'getmail, only what is new, then removing it (skipped when getmail is not installed)',
    async () => {
      const maildir = join(folder, 'maildir');
      for (const name of ['cur', 'new', 'tmp']) await mkdir(join(maildir, name), { recursive: true });
      if (process.getuid?.() === 0) await giveToNobody(folder, maildir);
      const get = async (isDeleting: boolean) => {
        const config = `[retriever]
type = SimplePOP3SSLRetriever
server = 127.0.0.1
port = ${pop3.tlsPort}
username = alice@example.org
password = wonder land
[destination]
type = Maildir
path = ${maildir}/
${process.getuid?.() === 0 ? 'user = nobody' : ''}
[options]
read_all = false
delete = ${isDeleting}
delivered_to = false
received = false
verbose = 2
`;
        await writeFile(join(folder, 'getmailrc'), config, { mode: 0o600 });
        return run('getmail', ['--getmaildir', folder, '--rcfile', 'getmailrc'], { timeout: 60_000 });
      };
      await get(false);
      const contents = async () =>
        Promise.all(
          (await readdir(join(maildir, 'new'))).map((name) => readFile(join(maildir, 'new', name), 'utf8')),
        );
      const first = await contents();
      expect(first).toHaveLength(3);
      for (const text of messages) expect(first.some((content) => content.includes(bodyOf(text)))).toBe(true);
      await get(false);
      expect(await contents(), 'nothing twice').toHaveLength(3);
      await pop3.file('Subject: four\n\nfourth\n');
      await get(true);
      expect(await contents()).toHaveLength(4);
      expect(await uidsOf(pop3.store)).toEqual([]);
    },
  );
});
