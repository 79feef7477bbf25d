/**
 * Exim and OpenSMTPD for tests: as packages they conflict with Postfix, so they are only unpacked, and run in a mount
 * namespace of their own because paths are compiled in. `.ci/run` says how they get to `.cache/servers`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testCertificate, testKey } from './certificate.js';

const root =
  process.env.POSTROAD_SERVERS ?? fileURLToPath(new URL('../../../.cache/servers', import.meta.url));
const nobody = 65_534;

/** A server that files everything for example.net into one Maildir. */
export interface UnpackedServer {
  readonly port: number;
  /** The messages so far, with LF line ends. */
  messages(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** What can be started, with the reason when it can't. */
export interface Unpacked {
  readonly name: string;
  /** What it can do beside what both can. */
  readonly offers: { readonly pipelining: boolean; readonly chunking: boolean; readonly smtpUtf8: boolean };
  /** Whether it may be that it offers TLS and can't do it, as Debian 12's OpenSMTPD with OpenSSL 3. */
  readonly mayFailAtTls: boolean;
  readonly missing: string | undefined;
  start(): Promise<UnpackedServer>;
}

const eximMissing = whyMissing('usr/sbin/exim4', ['Debian-exim']);

/** Exim as the server before ours: what it takes for example.org it sends on to a port, over TLS and by BDAT. */
export const eximBefore = {
  missing: eximMissing,
  start: (onwardPort: number) =>
    start('Debian-exim', (directory, port) => eximFiles(directory, port, onwardPort), eximCommand),
};

/** Both of them. */
export const unpackedServers: readonly Unpacked[] = [
  {
    name: 'Exim',
    offers: { pipelining: true, chunking: true, smtpUtf8: true },
    mayFailAtTls: false,
    missing: eximMissing,
    start: () => start('Debian-exim', eximFiles, eximCommand),
  },
  {
    name: 'OpenSMTPD',
    offers: { pipelining: false, chunking: false, smtpUtf8: false },
    mayFailAtTls: true,
    missing: whyMissing('usr/sbin/smtpd', ['opensmtpd', 'opensmtpq']),
    start: () => start('opensmtpd', opensmtpdFiles, opensmtpdCommand),
  },
];

function whyMissing(program: string, users: readonly string[]): string | undefined {
  if (!existsSync(join(root, program))) return `${program} is not unpacked in ${root}`;
  if (process.getuid?.() !== 0) return 'it can only be started by root';
  try {
    for (const user of users) execFileSync('id', [user], { stdio: 'ignore', timeout: 20_000 });
    const libraries = execFileSync('ldd', [join(root, program)], { timeout: 20_000 }).toString();
    if (libraries.includes('not found')) return `libraries of ${program} are missing`;
    // A container may forbid it.
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore', timeout: 20_000 });
  } catch {
    return `its users ${users.join(', ')} are missing, or there are no mount namespaces here`;
  }
  return undefined;
}

async function start(
  user: string,
  files: (directory: string, port: number) => Readonly<Record<string, string>>,
  command: (directory: string) => string,
): Promise<UnpackedServer> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-unpacked-'));
  await chmod(directory, 0o755);
  const owner = Number(execFileSync('id', ['-u', user], { timeout: 20_000 }).toString());
  for (const name of ['etc', 'spool', 'log', 'mail', 'run']) await mkdir(join(directory, name));
  // Exim works as its user from the start; OpenSMTPD wants its spool to be root's.
  if (user === 'Debian-exim')
    for (const name of ['spool', 'log']) await chown(join(directory, name), owner, -1);
  await chmod(join(directory, 'spool'), 0o711);
  await chown(join(directory, 'mail'), nobody, nobody);
  const port = await freePort();
  for (const [name, text] of Object.entries(files(directory, port))) {
    await writeFile(join(directory, 'etc', name), text, { mode: name === 'key.pem' ? 0o600 : 0o644 });
  }
  if (user === 'Debian-exim') await chown(join(directory, 'etc', 'key.pem'), owner, -1);
  const child = spawn('unshare', ['-m', 'sh', '-c', command(directory)], { stdio: 'ignore' });
  await listens(child, port);
  return {
    port,
    async messages() {
      const fresh = join(directory, 'mail', 'box', 'new');
      const found = await readdir(fresh).catch(() => []);
      return await Promise.all(found.map((file) => readFile(join(fresh, file), 'latin1')));
    },
    async stop() {
      if (child.exitCode === null) {
        const ended = once(child, 'exit');
        child.kill();
        await ended;
      }
      await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
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

async function listens(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const probe = connect({ port, host: '127.0.0.1' });
    const isThere = await new Promise<boolean>((resolve) => {
      probe.on('connect', () => resolve(true));
      probe.on('error', () => resolve(false));
    });
    probe.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server does not listen');
}

function eximCommand(directory: string): string {
  return `mkdir -p /etc/exim4 && mount --bind ${directory}/etc /etc/exim4 && exec ${root}/usr/sbin/exim4 -bdf`;
}

function eximFiles(directory: string, port: number, onwardPort = 1): Readonly<Record<string, string>> {
  const configuration = `primary_hostname = exim.test
exim_path = ${root}/usr/sbin/exim4
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
tls_advertise_hosts = *
tls_certificate = ${directory}/etc/cert.pem
tls_privatekey = ${directory}/etc/key.pem
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
add_environment = PATH=/usr/bin:/bin
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
acl_not_smtp = acl_data
begin acl
acl_rcpt:
 deny local_parts = nobody
      message = 550 5.1.1 no such user
 defer local_parts = later
 accept domains = example.net : example.org
 deny message = 550 5.7.1 not here
acl_data:
 accept
begin routers
onward:
 driver = manualroute
 domains = example.org
 transport = onward
 route_list = * 127.0.0.1
 self = send
box:
 driver = accept
 transport = box
begin transports
onward:
 driver = smtp
 port = ${onwardPort}
 hosts_require_tls = *
 hosts_try_chunking = *
box:
 driver = appendfile
 directory = ${directory}/mail/box
 maildir_format
 create_directory
 delivery_date_add = false
 envelope_to_add = false
 return_path_add = false
 user = ${nobody}
 group = ${nobody}
begin retry
* * F,2d,15m
`;
  return { 'exim4.conf': configuration, 'cert.pem': testCertificate, 'key.pem': testKey };
}

function opensmtpdCommand(directory: string): string {
  const mounts = [
    ['/usr/libexec/opensmtpd', `${root}/usr/libexec/opensmtpd`],
    ['/var/spool/smtpd', `${directory}/spool`],
    ['/run', `${directory}/run`],
  ].map(([at, from]) => `mkdir -p ${at} && mount --bind ${from} ${at}`);
  return `mkdir -p /var/lib/opensmtpd/empty && ${mounts.join(' && ')} && exec ${root}/usr/sbin/smtpd -d -f ${directory}/etc/smtpd.conf`;
}

function opensmtpdFiles(directory: string, port: number): Readonly<Record<string, string>> {
  const configuration = `table users { "bob" = nobody, "carol" = nobody }
pki opensmtpd.test cert "${directory}/etc/cert.pem"
pki opensmtpd.test key "${directory}/etc/key.pem"
listen on 127.0.0.1 port ${port} hostname opensmtpd.test tls pki opensmtpd.test
action "box" maildir "${directory}/mail/box" virtual <users>
match from any for domain "example.net" action "box"
`;
  const { certificate, key } = rsaCertificate(directory);
  return { 'smtpd.conf': configuration, 'cert.pem': certificate, 'key.pem': key };
}

function rsaCertificate(directory: string): { readonly certificate: string; readonly key: string } {
  const [key, certificate] = [join(directory, 'rsa.key'), join(directory, 'rsa.crt')];
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-days', '2', '-subj', '/CN=opensmtpd.test', ...made], {
    stdio: 'ignore',
    timeout: 20_000,
  });
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}
