/** A Dovecot of its own for a test, with an LMTP server that files into Maildirs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why there can be none here; `undefined` when there can. */
export const dovecotMissing = !existsSync('/usr/lib/dovecot/lmtp')
  ? 'dovecot-lmtpd is not installed'
  : process.getuid?.() !== 0
    ? 'Dovecot can only be started by root'
    : undefined;

/** The running server. */
export interface Dovecot {
  /** The path of its LMTP socket. */
  readonly socket: string;
  /** What a user has got so far, with LF line ends as Dovecot writes them. */
  messages(user: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const nobody = 65_534;

/** Starts it; it knows the users `bob` and `carol` of example.net. */
export async function startDovecot(): Promise<Dovecot> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-dovecot-'));
  await chmod(directory, 0o755);
  await mkdir(join(directory, 'mail'));
  await chown(join(directory, 'mail'), nobody, nobody);
  const users = ['bob', 'carol'].map(
    (name) => `${name}@example.net::${nobody}:${nobody}::${directory}/mail/${name}::`,
  );
  await writeFile(join(directory, 'users'), `${users.join('\n')}\n`);
  await writeFile(join(directory, 'dovecot.conf'), configuration(directory));
  const child = spawn('dovecot', ['-F', '-c', join(directory, 'dovecot.conf')], { stdio: 'ignore' });
  const socket = join(directory, 'run', 'lmtp');
  await listens(child, socket);
  return {
    socket,
    async messages(user) {
      const fresh = join(directory, 'mail', user, 'Maildir', 'new');
      const files = await readdir(fresh).catch(() => []);
      return await Promise.all(files.map((file) => readFile(join(fresh, file), 'latin1')));
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

async function listens(child: ChildProcess, socket: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`Dovecot ended with ${child.exitCode}`);
    const probe = connect({ path: socket });
    const isThere = await new Promise<boolean>((resolve) => {
      probe.on('connect', () => resolve(true));
      probe.on('error', () => resolve(false));
    });
    probe.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('Dovecot does not listen');
}

function configuration(directory: string): string {
  return `base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/log
ssl = no
protocols = lmtp
mail_location = maildir:~/Maildir
first_valid_uid = 1
postmaster_address = postmaster@example.net
recipient_delimiter =
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = passwd-file
  args = ${directory}/users
}
namespace inbox {
  inbox = yes
}
service lmtp {
  unix_listener lmtp {
    mode = 0600
  }
}
`;
}
