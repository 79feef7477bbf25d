/**
 * An Exim that verifies what it takes and signs what it sends on, by its own code: a third make beside opendkim's and ours.
 * It is only unpacked (see `.ci/run`) and runs in a mount namespace, where it has a configuration and a DNS of its own.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startProgram } from '@postroad/core/testing';

const root =
  process.env.POSTROAD_SERVERS ?? fileURLToPath(new URL('../../../.cache/servers', import.meta.url));
const program = join(root, 'usr/sbin/exim4');
const nobody = 65_534;

/** Why there can be none here; `undefined` when there can. */
export const eximMissing = ((): string | undefined => {
  if (!existsSync(program)) return 'skipped: Exim is not unpacked';
  if (process.getuid?.() !== 0) return 'skipped: Exim can only be started by root';
  try {
    execFileSync('id', ['Debian-exim'], { stdio: 'ignore', timeout: 20_000 });
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore', timeout: 20_000 });
  } catch {
    return 'skipped: Exim has no user, or there are no mount namespaces here';
  }
  return undefined;
})();
if (eximMissing !== undefined) console.warn(eximMissing);

/** What it is made of. */
export interface EximOptions {
  /** An address of loopback with a DNS server on port 53. */
  readonly dnsAddress: string;
  /** The keys with which it signs for example.net, in PEM, by selector. */
  readonly keys: Readonly<Record<string, string>>;
  /** Where mail for example.org goes. */
  readonly onwardPort: number;
}

/** The running server; it files mail for example.net. */
export interface EximWithDkim extends AsyncDisposable {
  readonly port: number;
  /** The messages so far, with LF line ends. */
  messages(): Promise<readonly string[]>;
}

/** Starts it. */
export async function startEximWithDkim(options: EximOptions): Promise<EximWithDkim> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-exim-'));
  const at = (name: string) => join(directory, name);
  await chmod(directory, 0o755);
  const owner = Number(execFileSync('id', ['-u', 'Debian-exim'], { timeout: 20_000 }).toString());
  for (const name of ['etc', 'spool', 'log', 'mail']) await mkdir(at(name));
  for (const name of ['spool', 'log']) await chown(at(name), owner, -1);
  await chown(at('mail'), nobody, nobody);
  const port = await freePort();
  await writeFile(at('etc/exim4.conf'), configuration(directory, port, options));
  await writeFile(at('resolv.conf'), `nameserver ${options.dnsAddress}\n`);
  for (const [selector, key] of Object.entries(options.keys)) {
    await writeFile(at(`etc/${selector}.pem`), key, { mode: 0o600 });
    await chown(at(`etc/${selector}.pem`), owner, -1);
  }
  const mounts = `mkdir -p /etc/exim4 && mount --bind ${at('etc')} /etc/exim4 && mount --bind ${at('resolv.conf')} /etc/resolv.conf`;
  const exim = await startProgram({
    command: 'unshare',
    args: ['-m', 'sh', '-c', `${mounts} && exec ${program} -bdf`],
    isReady: () => accepts(port),
  });
  return {
    port,
    async messages() {
      const found = await readdir(at('mail/box/new')).catch(() => []);
      return await Promise.all(found.map((file) => readFile(join(at('mail/box/new'), file), 'latin1')));
    },
    async [Symbol.asyncDispose]() {
      await exim.stop();
      await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function configuration(directory: string, port: number, { keys, onwardPort }: EximOptions): string {
  return `primary_hostname = exim.test
exim_path = ${program}
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
add_environment = PATH=/usr/bin:/bin
dkim_verify_hashes = sha256
acl_smtp_rcpt = acl_rcpt
acl_smtp_dkim = acl_dkim
acl_smtp_data = acl_data
begin acl
acl_rcpt:
 accept domains = example.net : example.org
 deny message = 550 5.7.1 not here
acl_dkim:
 warn add_header = X-Verified: $dkim_cur_signer $dkim_algo $dkim_verify_status
 accept
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
 dkim_domain = example.net
 dkim_selector = ${Object.keys(keys).join(' : ')}
 dkim_private_key = /etc/exim4/$dkim_selector.pem
 dkim_strict = 1
box:
 driver = appendfile
 directory = ${directory}/mail/box
 maildir_format
 create_directory
 user = ${nobody}
 group = ${nobody}
begin retry
* * F,2d,15m
`;
}
