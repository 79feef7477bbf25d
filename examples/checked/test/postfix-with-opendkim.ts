/** A Postfix of its own that has opendkim sign and verify: another make of server, with Debian's programs. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, startProgram } from '@postroad/core/testing';

const run = promisify(execFile);

/** Why there can be none here; `undefined` when there can. */
export const postfixMissing = !existsSync('/usr/sbin/postfix')
  ? 'skipped: Postfix is not installed'
  : !existsSync('/usr/sbin/opendkim')
    ? 'skipped: opendkim is not installed'
    : process.getuid?.() !== 0
      ? 'skipped: Postfix can only be started by root'
      : undefined;

/** What it is made of. */
export interface PostfixOptions {
  /** The key with which mail from example.net is signed, in PEM; the selector is `test`. */
  readonly key: string;
  /** The public keys that opendkim knows, by the name of their record. */
  readonly published: ReadonlyMap<string, string>;
  /** Where mail for all other domains goes. */
  readonly relayPort: number;
}

/** The running server; it takes mail for example.net. */
export interface PostfixWithOpendkim extends AsyncDisposable {
  readonly port: number;
  /** Another one, which takes seven bits only. */
  readonly sevenBitPort: number;
  /** The messages delivered so far, with LF line ends. */
  messages(): Promise<readonly string[]>;
}

const nobody = 65_534;

/** Starts both. */
export async function startPostfixWithOpendkim(options: PostfixOptions): Promise<PostfixWithOpendkim> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-other-'));
  await chmod(directory, 0o755);
  const at = (name: string) => join(directory, name);
  for (const name of ['conf', 'queue', 'data', 'mail']) await mkdir(at(name));
  await chown(at('mail'), nobody, nobody);
  await chown(at('data'), Number((await run('id', ['-u', 'postfix'])).stdout), 0);
  const milterPort = await freePort();
  const opendkim = await startOpendkim(directory, milterPort, options);
  const [port, sevenBitPort] = [await freePort(), await freePort()];
  await writeFile(at('conf/main.cf'), mainConfiguration(directory, milterPort, options.relayPort));
  await writeFile(at('conf/master.cf'), masterConfiguration(port, sevenBitPort));
  await run('postfix', ['-c', at('conf'), 'start']);
  return {
    port,
    sevenBitPort,
    async messages() {
      const files = await readdir(at('mail/all/new')).catch(() => []);
      return await Promise.all(files.map((file) => readFile(join(at('mail/all/new'), file), 'latin1')));
    },
    async [Symbol.asyncDispose]() {
      await run('postfix', ['-c', at('conf'), 'stop']);
      await opendkim.stop();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function startOpendkim(directory: string, port: number, { key, published }: PostfixOptions) {
  const at = (name: string) => join(directory, name);
  await writeFile(at('key.pem'), key, { mode: 0o600 });
  await writeFile(at('keys'), [...published].map(([name, text]) => `${name} ${text}\n`).join(''));
  await writeFile(
    at('opendkim.conf'),
    `Mode sv\nSyslog no\nDomain example.net\nSelector test\nKeyFile ${at('key.pem')}\nTestPublicKeys ${at('keys')}
UserID root\nRequireSafeKeys false\nInternalHosts 127.0.0.1\nAlwaysAddARHeader yes\nAuthservID postfix.test
Socket inet:${port}@127.0.0.1\nBackground no\nAutoRestart no\nCanonicalization relaxed/relaxed\nOversignHeaders From\n`,
  );
  return await startProgram({
    command: '/usr/sbin/opendkim',
    args: ['-f', '-x', at('opendkim.conf')],
    isReady: () =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
  });
}

function mainConfiguration(directory: string, milterPort: number, relayPort: number): string {
  return `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = ${directory}/log
maillog_file_prefixes = ${tmpdir()}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_milters = inet:127.0.0.1:${milterPort}
milter_default_action = tempfail
virtual_mailbox_domains = example.net, seven.example.net
virtual_mailbox_base = ${directory}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:${nobody}
virtual_gid_maps = static:${nobody}
relayhost = [127.0.0.1]:${relayPort}
smtp_dns_support_level = disabled
`;
}

/** The services that taking and delivering mail needs, none of them in a chroot. */
function masterConfiguration(port: number, sevenBitPort: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
127.0.0.1:${sevenBitPort} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=8bitmime,chunking
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
}
