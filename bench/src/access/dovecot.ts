/** Debian's Dovecot for the access benchmark, started from a directory of its own. Every password is right. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

/** How Dovecot keeps messages, and when it waits for the disk: `always` is what our own server does. */
export interface DovecotOptions {
  readonly format: 'maildir' | 'sdbox' | 'mdbox';
  readonly fsync: 'optimized' | 'always';
  readonly directory: string;
}

/** Whether Dovecot can be started here: it is installed, and we are root. */
export function hasDovecot(): boolean {
  return existsSync('/usr/sbin/dovecot') && process.getuid?.() === 0;
}

/** Starts it and waits until it listens. The caller ends it with `stopDovecot`. */
export async function startDovecot(
  options: DovecotOptions,
): Promise<{ process: ChildProcess; imap: number; pop3: number }> {
  const { directory } = options;
  for (const name of ['run', 'state', 'mail']) await mkdir(join(directory, name), { recursive: true });
  await chmod(directory, 0o755);
  const [uid, gid] = ['-u', '-g'].map((flag) => execFileSync('id', [flag, 'nobody']).toString().trim());
  // Of what a run before left behind nothing needs to change.
  const mail = join(directory, 'mail');
  if (statSync(mail).uid !== Number(uid)) execFileSync('chown', ['-R', `${uid}:${gid}`, mail]);
  const [imap, pop3] = [await freePort(), await freePort()];
  const path = join(directory, 'dovecot.conf');
  await writeFile(path, configuration(options, `${uid}`, `${gid}`, imap, pop3));
  const child = spawn('/usr/sbin/dovecot', ['-F', '-c', path], { stdio: 'ignore' });
  await until(imap);
  await until(pop3);
  return { process: child, imap, pop3 };
}

/** Ends it and waits for its end. */
export async function stopDovecot(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

// Login processes serve many connections each and some wait ready: the way Dovecot's own manual makes logins fast.
function configuration(
  { directory, format, fsync }: DovecotOptions,
  uid: string,
  gid: string,
  imap: number,
  pop3: number,
): string {
  const login = (name: string, port: number) => `
service ${name}-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 20000
  inet_listener ${name} {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener ${name}s {
    port = 0
  }
}
service ${name} {
  service_count = 100
  process_min_avail = 4
  process_limit = 6000
}`;
  return `base_dir = ${join(directory, 'run')}
state_dir = ${join(directory, 'state')}
log_path = ${join(directory, 'dovecot.log')}
ssl = no
disable_plaintext_auth = no
protocols = imap pop3
mail_location = ${format}:${join(directory, 'mail')}/%u
mail_fsync = ${fsync}
mail_uid = ${uid}
mail_gid = ${gid}
first_valid_uid = 1
mail_max_userip_connections = 0
default_client_limit = 20000
default_process_limit = 6000
default_vsz_limit = 1G
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${join(directory, 'mail')}/%u allow_all_users=yes
}
namespace inbox {
  inbox = yes
}
${login('imap', imap)}
${login('pop3', pop3)}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function until(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody listens on port ${port}`);
}
