/** A real spamd with rules of our own, and preferences of one user. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { checkSpamassassin } from '@postroad/check-spamassassin';
import { accept, definePlugin, type Finding, readBody } from '@postroad/core';
import {
  freePort,
  missingProgram,
  type Program,
  sendMessage,
  startProgram,
  startTestMta,
  temporaryDirectory,
} from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const missing = missingProgram('/usr/sbin/spamd', 'spamd');
const isRoot = process.getuid?.() === 0;

const rules = `
header   TEST_WORD Subject =~ /terrible/
describe TEST_WORD A terrible word
score    TEST_WORD 7.5
header   TEST_GOOD Subject =~ /friend/
score    TEST_GOOD -1.5
required_score 5
rewrite_header Subject [spam]
report_safe 0
dns_available no
use_bayes 0
clear_headers
add_header all Status "_YESNO_, score=_SCORE_ required=_REQD_ tests=_TESTS_ version=_VERSION_"
add_header spam Flag _YESNOCAPS_
clear_report_template
report (_SCORE_ points, _REQD_ required)
report
report _SUMMARY_
`;

let program: Program;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let port: number;

beforeAll(async () => {
  if (missing !== undefined) return;
  directory = await temporaryDirectory();
  await chmod(directory.path, 0o755);
  const at = (name: string) => join(directory.path, name);
  port = await freePort();
  for (const name of ['rules', 'site', 'users', 'users/carol@example.org']) await mkdir(at(name));
  await writeFile(at('site/init.pre'), 'loadplugin Mail::SpamAssassin::Plugin::Check\n');
  await writeFile(at('rules/own.cf'), rules);
  await writeFile(at('users/carol@example.org/user_prefs'), 'required_score 20\n');
  program = await startProgram({
    command: '/usr/sbin/spamd',
    args: [
      ...[
        '--local',
        '--nouser-config',
        `--virtual-config-dir=${at('users')}/%u`,
        '--listen',
        `127.0.0.1:${port}`,
      ],
      ...[
        '--configpath',
        at('rules'),
        '--siteconfigpath',
        at('site'),
        '--max-children',
        '1',
        '--min-children',
        '1',
      ],
      // Root gives its rights up; anybody else names itself, as spamd wants for directories of its own making.
      ...['--syslog', 'stderr', '--username', isRoot ? 'nobody' : userInfo().username],
    ],
    isReady: () => ping(port),
  });
}, 90_000);
afterAll(async () => {
  await program?.stop();
  await directory?.[Symbol.asyncDispose]();
});

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING SPAMC/1.5\r\n\r\n'));
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString().includes('PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}

async function send(
  subject: string,
  options: Partial<Parameters<typeof checkSpamassassin>[0]> = {},
  to = ['bob@example.org'],
) {
  let findings: readonly Finding[] = [];
  let queued = '';
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap(
        'message',
        (_message, found) => {
          findings = found;
          return undefined;
        },
        { order: 'early' },
      );
      tap('header', async (message) => {
        // The first: a report that nobody could be reached may follow.
        queued ||= (await readBody(message.body, 100_000)).toString();
        return undefined;
      });
    },
  });
  const plugin = checkSpamassassin({ servers: [`127.0.0.1:${port}`], ...options });
  await using server = await startTestMta({ plugins: [plugin, watch()] });
  const content = `Subject: ${subject}\r\nX-Spam-Flag: NO\r\nFrom: alice@example.net\r\n\r\nthe body\r\n`;
  const { outcome } = await sendMessage({ port: server.port('relay'), content, to });
  return { outcome, findings, queued };
}

describe.skipIf(missing !== undefined)(`spamd (${missing ?? 'here'})`, () => {
  it('takes over its fields, and leaves good mail as it is', async () => {
    const { outcome, findings, queued } = await send('friend');
    expect(outcome).toMatch(/^250 /);
    expect(findings).toEqual([
      {
        source: 'spamassassin',
        result: 'ham',
        score: -1.5,
        text: '-1.5 of 5',
        details: [{ name: 'TEST_GOOD' }],
      },
    ]);
    expect(queued).toMatch(/^X-Spam-/);
    expect(queued).not.toContain('X-Spam-Flag');
    expect(queued).toMatch(/\r\nSubject: friend\r\nFrom: alice@example.net\r\n\r\nthe body\r\n$/);
  });

  it('marks spam, sets it apart, or refuses it', async () => {
    const marked = await send('terrible', { onSpam: 'quarantine' });
    expect(marked.outcome).toMatch(/^250 /);
    expect(marked.queued).toContain('X-Spam-Flag: YES\r\n');
    expect(marked.queued).toContain('Subject: [spam] terrible\r\n');
    expect((await send('terrible', { onSpam: 'reject' })).outcome).toBe('550 5.7.1 message refused as spam');
    expect((await send('terrible', { rejectScore: 7 })).outcome).toMatch(/^550 /);
    expect((await send('terrible', { rejectScore: 8 })).outcome).toMatch(/^250 /);
  });

  it('reports rules with their points when nothing is to be changed', async () => {
    const { findings, queued } = await send('terrible friend', { rewrite: 'none' });
    expect(findings[0]).toMatchObject({ result: 'spam', score: 6 });
    expect(findings[0]?.details).toEqual(
      expect.arrayContaining([
        { name: 'TEST_WORD', score: 7.5 },
        { name: 'TEST_GOOD', score: -1.5 },
      ]),
    );
    expect(queued).toMatch(/^Subject: terrible friend\r\nX-Spam-Flag: NO\r\n/);
  });

  it('takes the whole message as spamd writes it', async () => {
    const { queued } = await send('terrible', { rewrite: 'message' });
    expect(queued).toContain('X-Spam-Flag: YES\r\n');
    expect(queued).toMatch(/\r\n\r\nthe body\r\n$/);
    expect(queued.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });

  it("judges with the recipient's preferences", async () => {
    const options = { userBy: 'recipient', onSpam: 'reject' } as const;
    expect((await send('terrible', options, ['bob@example.org'])).outcome).toMatch(/^550 /);
    const { outcome, findings } = await send('terrible', options, ['Carol@example.org']);
    expect(outcome).toMatch(/^250 /);
    expect(findings[0]).toMatchObject({ result: 'ham', text: '7.5 of 20' });
    // With several recipients nobody's preferences count but the default user's.
    const both = ['carol@example.org', 'bob@example.org'];
    expect((await send('terrible', options, both)).outcome).toMatch(/^550 /);
    expect((await send('terrible', { ...options, user: 'carol@example.org' }, both)).outcome).toMatch(
      /^250 /,
    );
  });

  it('does not judge what is too large, and asks the next server when one is down', async () => {
    const skipped = await send('terrible', { sizeBytesMax: 10, onSpam: 'reject' });
    expect(skipped.outcome).toMatch(/^250 /);
    expect(skipped.findings[0]).toMatchObject({ result: 'skipped' });
    const servers = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${port}`];
    expect((await send('terrible', { servers, onSpam: 'reject' })).outcome).toMatch(/^550 /);
  });
});
