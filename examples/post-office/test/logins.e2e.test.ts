// Clients that others wrote log in by every mechanism that they speak, over every protocol that they speak; and a
// thousand guesses are slowed and put off while the rightful user gets in.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessImap } from '@postroad/access-imap';
import { accessPop3 } from '@postroad/access-pop3';
import { authFile, usersFile } from '@postroad/auth-file';
import { checkLoginAbuse } from '@postroad/check-login-abuse';
import { accept, BearerTokens, definePlugin } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ClientCertificateFiles, makeClientCertificate } from '../../testing/client-certificate.js';
import { missingPrograms, runTool, titleWith } from '../../testing/run-tool.js';

// Each client is a process, which starts in its own time on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const user = 'alice@example.org';
const password = 'wonder land';
const token = 'a-token-of-alice';

let folder: string;
let mta: TestMta;
let message: string;
let client: ClientCertificateFiles | undefined;
const noOpenssl = missingPrograms('openssl');
const at = (name: string) => mta.port(name);

const takesAll = definePlugin({
  name: 'route-nowhere',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('route', () => ({ transport: 'local', accountId: 'anybody' }));
  },
});

const knowsOneToken = definePlugin({
  name: 'auth-one-token',
  provides: [BearerTokens],
  setup({ provide }) {
    provide(BearerTokens, { subjectOf: async (shown) => (shown === token ? user : undefined) });
  },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'logins-'));
  message = join(folder, 'message');
  await writeFile(message, 'Subject: x\r\n\r\nx\r\n');
  const file = join(folder, 'users');
  const scram = ['SHA-256', 'SHA-1'] as const;
  await usersFile(file, { hashes: scram, iterations: 4_096 }).add({ login: user, password });
  const both: { port: number; host: string; tls?: 'implicit' }[] = [
    { port: 0, host: '127.0.0.1' },
    { port: 0, host: '127.0.0.1', tls: 'implicit' },
  ];
  const limits = { loginFailureDelayMs: 0 };
  if (noOpenssl.length === 0) client = makeClientCertificate(folder, user);
  mta = await startTestMta({
    tls: { selfSignedDirectory: folder },
    ...(client === undefined ? {} : { clientCertificates: { authoritiesFile: client.authority } }),
    listeners: [
      { name: 'submission', port: 0, host: '127.0.0.1', role: 'submission' },
      { name: 'submissions', port: 0, host: '127.0.0.1', role: 'submission', tls: 'implicit' },
      { name: 'loopback', port: 0, host: '127.0.0.1', role: 'submission', plaintextAuth: true },
    ],
    plugins: [
      authFile({ file, scram, scramIterations: 4_096 }),
      knowsOneToken(),
      checkLoginAbuse({ delayMs: 1, delayMsMax: 4 }),
      accessImap({ listen: both, limits }),
      accessPop3({ listen: both, limits }),
      takesAll(),
    ],
  });
});

afterAll(async () => {
  await mta?.stop();
  await rm(folder, { recursive: true, force: true });
});

const noGsasl = missingPrograms('gsasl');
describe.skipIf(noGsasl.length > 0)(titleWith('gsasl logs in', noGsasl), () => {
  const scram = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS'];
  const logIn = async (protocol: string, mechanism: string, secret: string) => {
    const port = at(protocol === 'smtp' ? 'submission' : 'imap');
    // It refuses a SCRAM without binding where it could bind; these are for clients that can not.
    const binding = mechanism.endsWith('-PLUS') ? [] : ['--no-cb'];
    const flags = [
      ...[`--${protocol}`, `--connect=127.0.0.1:${port}`, '--starttls', '--x509-ca-file=', ...binding],
      ...[`--mechanism=${mechanism}`, `--authentication-id=${user}`, `--authorization-id=${user}`],
      `--password=${secret}`,
    ];
    const { stdout, stderr } = await runTool('gsasl', flags, { input: '' });
    return `${stdout}${stderr}`;
  };
  const granted = { smtp: /^235 2\.7\.0/m, imap: /^\. OK \[CAPABILITY .*logged in/m } as const;

  it.each(['PLAIN', 'LOGIN', ...scram])('by %s, over SMTP and IMAP', async (mechanism) => {
    const both = ['smtp', 'imap'] as const;
    const told = await Promise.all(both.map((protocol) => logIn(protocol, mechanism, password)));
    for (const [index, protocol] of both.entries()) {
      const said = told[index] ?? '';
      expect(said, protocol).toMatch(granted[protocol]);
      // The server has shown that it knows the keys.
      if (mechanism.startsWith('SCRAM')) expect(said).toContain('server trusted');
    }
  });

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'])(
    'not by %s with a wrong password',
    async (mechanism) => {
      for (const protocol of ['smtp', 'imap'] as const) {
        const said = await logIn(protocol, mechanism, 'wrong');
        expect(said).not.toMatch(granted[protocol]);
        expect(said).toMatch(protocol === 'smtp' ? /^535 5\.7\.8/m : /AUTHENTICATIONFAILED/);
      }
    },
  );
});

const tokenMechanisms: readonly string[] = ['OAUTHBEARER', 'XOAUTH2'];

const noCurl = missingPrograms('curl');
describe.skipIf(noCurl.length > 0)(titleWith('curl logs in', noCurl), () => {
  const logIn = async (protocol: string, mechanism: string, secret: string, more: readonly string[] = []) => {
    const isToken = tokenMechanisms.includes(mechanism);
    const port = at({ smtp: 'submission', smtps: 'submissions' }[protocol] ?? protocol);
    const mail = ['--mail-from', user, '--mail-rcpt', 'bob@example.org', '--upload-file', message];
    return runTool('curl', [
      ...['--silent', '--show-error', '--insecure', '--ssl-reqd', `${protocol}://127.0.0.1:${port}/`],
      ...['--login-options', `AUTH=${mechanism}`, '--sasl-ir'],
      ...(isToken ? ['--user', user, '--oauth2-bearer', secret] : ['--user', `${user}:${secret}`]),
      ...(protocol.startsWith('smtp') ? mail : protocol.startsWith('imap') ? ['--request', 'NOOP'] : []),
      ...more,
    ]);
  };

  async function expectAllIn(logInBy: (protocol: string) => ReturnType<typeof logIn>): Promise<void> {
    const protocols = ['smtp', 'smtps', 'imap', 'imaps', 'pop3', 'pop3s'];
    for (const protocol of protocols) {
      const { status, stderr } = await logInBy(protocol);
      expect({ protocol, status, stderr }).toMatchObject({ status: 0 });
    }
  }

  it.each(['PLAIN', 'LOGIN', 'OAUTHBEARER', 'XOAUTH2'])(
    'by %s, over all protocols, with STARTTLS and without',
    async (mechanism) => {
      const secret = tokenMechanisms.includes(mechanism) ? token : password;
      await expectAllIn((protocol) => logIn(protocol, mechanism, secret));
    },
  );

  it.skipIf(noOpenssl.length > 0)('by EXTERNAL, over all protocols, and as nobody else', async () => {
    const certificate = ['--cert', client?.certificate ?? '', '--key', client?.key ?? ''];
    await expectAllIn((protocol) => logIn(protocol, 'EXTERNAL', '', certificate));
    expect((await logIn('imap', 'EXTERNAL', '')).status, 'without a certificate').not.toBe(0);
    const other = [...certificate, '--user', 'bob@example.org:'];
    expect((await logIn('imap', 'EXTERNAL', '', other)).status).toBe(67);
  });

  it.each(['PLAIN', 'OAUTHBEARER', 'XOAUTH2'])('not by %s with what is wrong', async (mechanism) => {
    for (const protocol of ['smtp', 'imap', 'pop3']) {
      // 67: the login was denied.
      expect((await logIn(protocol, mechanism, 'wrong')).status, protocol).toBe(67);
    }
  });
});

const noSwaks = missingPrograms('swaks');
describe.skipIf(noSwaks.length > 0)(titleWith('swaks logs in', noSwaks), () => {
  it.each(['PLAIN', 'LOGIN'])('by %s', async (mechanism) => {
    const logIn = (secret: string) =>
      runTool('swaks', [
        ...['--server', '127.0.0.1', '--port', String(at('submission')), '--tls', '--auth', mechanism],
        ...['--auth-user', user, '--auth-password', secret, '--from', user, '--to', 'bob@example.org'],
      ]);
    expect((await logIn(password)).status).toBe(0);
    // 28: no authentication.
    expect((await logIn('wrong')).status).toBe(28);
  });
});

const noMutt = missingPrograms('mutt', 'script');
describe.skipIf(noMutt.length > 0)(titleWith('mutt logs in', noMutt), () => {
  const granted = () =>
    mta.mta
      .metrics()
      .filter(({ name, labels }) => name === 'postroad_logins_total' && labels.outcome === 'granted')
      .reduce((sum, { value }) => sum + value, 0);

  it.each([
    ['imap', 'plain'],
    ['imap', 'login'],
    ['imap', 'scram-sha-256'],
    ['imap', 'oauthbearer'],
    ['imap', 'xoauth2'],
    ['pop', 'plain'],
    ['pop', 'scram-sha-1'],
    ['pop', 'user'],
  ])('over %s by %s', async (protocol, mechanism) => {
    const settings = join(folder, `muttrc-${protocol}-${mechanism}`);
    await writeFile(
      settings,
      [
        'set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no ssl_verify_dates=no',
        `set certificate_file=${join(folder, 'certificate.pem')}`,
        `set ${protocol}_user="${user}" ${protocol}_pass="${password}" ${protocol}_authenticators="${mechanism}"`,
        `set ${protocol}_oauth_refresh_command="echo ${token}"`,
        `set folder=${folder} header_cache="" sleep_time=0 timeout=5`,
        'push "<exit>"',
        '',
      ].join('\n'),
    );
    const before = granted();
    const port = at(protocol === 'pop' ? 'pop3' : 'imap');
    const command = `mutt -n -F ${settings} -f ${protocol}://127.0.0.1:${port}/`;
    const environment = { HOME: folder, TERM: 'xterm' };
    await runTool('script', ['-qec', command, '/dev/null'], { environment, timeoutMs: 60_000 });
    expect(granted()).toBeGreaterThan(before);
  });
});

/** What imapflow is told. */
interface Auth {
  readonly user: string;
  readonly pass?: string;
  readonly accessToken?: string;
  readonly loginMethod?: string;
}

it('imapflow logs in by what it chooses, by PLAIN, LOGIN and a token', async () => {
  const logIn = async (auth: Auth) => {
    const client = new ImapFlow({
      ...{ host: '127.0.0.1', port: at('imap'), secure: false, logger: false, auth },
      tls: { rejectUnauthorized: false },
    });
    await client.connect();
    await client.logout();
  };
  await logIn({ user, pass: password });
  await logIn({ user, pass: password, loginMethod: 'AUTH=PLAIN' });
  await logIn({ user, pass: password, loginMethod: 'AUTH=LOGIN' });
  await logIn({ user, accessToken: token });
  await expect(logIn({ user, pass: 'wrong' })).rejects.toMatchObject({ authenticationFailed: true });
  await expect(logIn({ user, accessToken: 'wrong' })).rejects.toMatchObject({ authenticationFailed: true });
});

describe('a thousand guesses', () => {
  /** Tries passwords over one connection until it is closed; how often each code was said. */
  function guess(login: string, from: string, first: number, count: number): Promise<Map<string, number>> {
    return new Promise((resolve, reject) => {
      const codes = new Map<string, number>();
      const socket = connect({ port: at('loopback'), host: '127.0.0.1', localAddress: from });
      const commands = Array.from({ length: count }, (_, index) => {
        const response = Buffer.from(`\0${login}\0guess ${first + index}`).toString('base64');
        return `AUTH PLAIN ${response}\r\n`;
      });
      socket.write(`EHLO client.example\r\n${commands.join('')}QUIT\r\n`);
      let said = '';
      socket.on('data', (chunk) => {
        said += chunk;
      });
      socket.on('error', reject);
      socket.on('close', () => {
        for (const [, code = ''] of said.matchAll(/^(\d{3}) /gm)) codes.set(code, (codes.get(code) ?? 0) + 1);
        resolve(codes);
      });
    });
  }

  it('are put off after the first dozen, and the rightful user gets in meanwhile', async () => {
    // Her device is known from before, at the very address that the guesses come from.
    const logIn = async () => {
      const client = new ImapFlow({
        ...{ host: '127.0.0.1', port: at('imap'), secure: false, logger: false },
        ...{ auth: { user, pass: password }, tls: { rejectUnauthorized: false } },
      });
      await client.connect();
      await client.logout();
    };
    await logIn();
    const codes = new Map<string, number>();
    for (let round = 0; round < 50; round++) {
      const told = await guess(round % 2 === 0 ? 'root' : `user${round}`, '127.0.0.1', round * 20, 20);
      for (const [code, count] of told) codes.set(code, (codes.get(code) ?? 0) + count);
    }
    expect(codes.get('235')).toBeUndefined();
    const judged = codes.get('535') ?? 0;
    expect(judged).toBeGreaterThan(0);
    expect(judged).toBeLessThanOrEqual(12);
    expect((codes.get('454') ?? 0) + judged).toBe(1_000);
    await logIn();
  });
});
