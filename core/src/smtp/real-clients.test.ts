import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testAuthenticator } from '../testing/test-authenticator.js';
import { makeTestCertificate } from '../testing/test-certificate.js';
import { startTestReceiver, type TestReceiver } from '../testing/test-receiver.js';
import { reply } from '../values/reply.js';

const run = promisify(execFile);
const text =
  'From: alice@example.com\r\nTo: bob@example.org\r\nSubject: dots\r\n\r\n.\r\n..\r\n.x\r\nlast\r\n';

function missing(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore', timeout: 20_000 }).error !== undefined;
}

function title(program: string): string {
  return missing(program) ? `${program} IS NOT INSTALLED, SKIPPED` : program;
}

// They are whole programs: on a busy machine each start takes its time.
describe('clients that others wrote submit over STARTTLS with a login:', { timeout: 120_000 }, () => {
  let receiver: TestReceiver;
  let directory: string;
  let messageFile: string;
  let certificate: { readonly key: string; readonly cert: string };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'real-clients-'));
    certificate = await makeTestCertificate();
    messageFile = join(directory, 'message.eml');
    await writeFile(messageFile, text);
  });

  afterAll(() => rm(directory, { recursive: true, force: true }));

  beforeEach(async () => {
    receiver = await startTestReceiver({
      certificate,
      hasAuth: true,
      isTlsRequired: true,
      role: 'submission',
      policy: {
        logins: testAuthenticator(async (given) =>
          given.kind === 'password' && given.login === 'alice' && given.password === 'wonder land'
            ? {
                status: 'granted',
                identity: { accountId: 'alice', login: given.login, mechanism: given.mechanism },
              }
            : { status: 'refused', reply: reply(535, '7.8', 'wrong login or password') },
        ),
      },
    });
  });

  afterEach(() => receiver.close());

  function expectDelivered(): void {
    expect(receiver.messages).toHaveLength(1);
    const [message] = receiver.messages;
    expect(message?.envelope.reversePath).toEqual({ localPart: 'alice', domain: 'example.com' });
    expect(message?.envelope.recipients.map(({ address }) => address.localPart)).toEqual(['bob', 'carol']);
    // Some add header fields, and some an empty line at the end.
    const body = message?.content.slice(message.content.indexOf('\r\n\r\n')).trimEnd();
    expect(body).toBe('\r\n\r\n.\r\n..\r\n.x\r\nlast');
    expect(receiver.refusals).toEqual([]);
  }

  it.skipIf(missing('swaks'))(title('swaks'), async () => {
    await run('swaks', [
      ...['--server', '127.0.0.1', '--port', String(receiver.port), '--tls', '--auth', 'LOGIN'],
      ...['--auth-user', 'alice', '--auth-password', 'wonder land', '--pipeline'],
      ...['--from', 'alice@example.com', '--to', 'bob@example.org,carol@example.org'],
      ...['--data', `@${messageFile}`],
    ]);
    expectDelivered();
  });

  it.skipIf(missing('curl'))(title('curl'), async () => {
    await run('curl', [
      ...['--silent', '--show-error', '--ssl-reqd', '--insecure', '--user', 'alice:wonder land'],
      ...['--mail-from', 'alice@example.com'],
      ...['--mail-rcpt', 'bob@example.org', '--mail-rcpt', 'carol@example.org'],
      ...['--upload-file', messageFile, `smtp://127.0.0.1:${receiver.port}/client.example`],
    ]);
    expectDelivered();
  });

  it.skipIf(missing('msmtp'))(title('msmtp'), async () => {
    const child = run('msmtp', [
      ...['--host=127.0.0.1', `--port=${receiver.port}`, '--tls=on', '--tls-starttls=on'],
      ...['--tls-certcheck=off', '--auth=plain', '--user=alice', "--passwordeval=echo 'wonder land'"],
      ...['--from=alice@example.com', 'bob@example.org', 'carol@example.org'],
    ]);
    child.child.stdin?.end(text.replaceAll('\r\n', '\n'));
    await child;
    expectDelivered();
  });

  it('nodemailer', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: receiver.port,
      requireTLS: true,
      tls: { rejectUnauthorized: false },
      auth: { user: 'alice', pass: 'wonder land' },
    });
    await transport.sendMail({
      envelope: { from: 'alice@example.com', to: ['bob@example.org', 'carol@example.org'] },
      raw: text,
    });
    transport.close();
    expectDelivered();
  });

  it('nodemailer with a wrong password is refused', async () => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: receiver.port,
      tls: { rejectUnauthorized: false },
      auth: { user: 'alice', pass: 'wrong' },
    });
    await expect(
      transport.sendMail({ from: 'a@b.example', to: 'c@d.example', text: '' }),
    ).rejects.toMatchObject({
      responseCode: 535,
    });
    transport.close();
  });
});
