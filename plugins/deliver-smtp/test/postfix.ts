/** A Postfix of its own for a test: Debian's programs with a configuration and directories that nobody else uses. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testCertificate, testKey } from './certificate.js';

const run = promisify(execFile);

/** Why there can be none here; `undefined` when there can. */
export const postfixMissing = !existsSync('/usr/sbin/postfix')
  ? 'Postfix is not installed'
  : process.getuid?.() !== 0
    ? 'Postfix can only be started by root'
    : undefined;

/** The running server. */
export interface Postfix {
  readonly port: number;
  /** The messages delivered so far, with LF line ends as Postfix writes them. */
  messages(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const nobody = 65_534;

/** Starts it; it takes mail for example.net into one Maildir, or relays everything to a port over TLS. */
export async function startPostfix(relayPort?: number): Promise<Postfix> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-postfix-'));
  await chmod(directory, 0o755);
  const at = (name: string) => join(directory, name);
  for (const name of ['conf', 'queue', 'data', 'mail']) await mkdir(at(name));
  await chown(at('mail'), nobody, nobody);
  const { stdout } = await run('id', ['-u', 'postfix']);
  await chown(at('data'), Number(stdout), 0);
  const port = await freePort();
  await writeFile(at('conf/cert.pem'), testCertificate);
  await writeFile(at('conf/key.pem'), testKey, { mode: 0o600 });
  await writeFile(
    at('conf/main.cf'),
    `${mainConfiguration(directory)}${relayPort === undefined ? terminal(directory) : relaying(relayPort)}`,
  );
  await writeFile(at('conf/master.cf'), masterConfiguration(port));
  await run('postfix', ['-c', at('conf'), 'start']);
  return {
    port,
    async messages() {
      const files = await readdir(at('mail/all/new')).catch(() => []);
      return await Promise.all(files.map((file) => readFile(join(at('mail/all/new'), file), 'latin1')));
    },
    async stop() {
      await run('postfix', ['-c', at('conf'), 'stop']);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

function mainConfiguration(directory: string): string {
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
smtputf8_enable = yes
smtpd_tls_cert_file = ${directory}/conf/cert.pem
smtpd_tls_key_file = ${directory}/conf/key.pem
smtpd_tls_security_level = may
maillog_file = ${directory}/log
maillog_file_prefixes = ${tmpdir()}
`;
}

function terminal(directory: string): string {
  return `smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{nobody@example.net = 550 5.1.1 no such user}, {later@example.net = 450 4.2.0 later}}, permit
virtual_mailbox_domains = example.net
virtual_mailbox_base = ${directory}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:${nobody}
virtual_gid_maps = static:${nobody}
`;
}

function relaying(port: number): string {
  return `mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:${port}
smtp_tls_security_level = encrypt
smtp_dns_support_level = disabled
smtp_destination_recipient_limit = 50
`;
}

/** The services that taking and delivering mail needs, none of them in a chroot. */
function masterConfiguration(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
}
