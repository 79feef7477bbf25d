/** Dovecot's IMAP server over one Maildir, spoken to through its standard input: no daemon, no port. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Why there can be none here; `undefined` when there can. */
export const dovecotMissing =
  existsSync('/usr/bin/doveadm') && existsSync('/usr/lib/dovecot/imap')
    ? undefined
    : 'dovecot-imapd is not installed';

/** Dovecot reads no mail as root: then it runs as this user, and the Maildir belongs to it. */
const nobody = 65_534;
/** The user that other programs run as. */
export const otherUser = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};

/** A session, logged in. */
export interface DovecotSession extends AsyncDisposable {
  /** Sends a command; resolves with all lines up to its tagged answer, which must be OK. */
  send(command: string): Promise<string>;
  /** Resolves with what came when it contains the text. */
  until(text: string): Promise<string>;
  write(text: string): void;
}

/** Starts Dovecot on a Maildir. `scratch` is for its configuration. */
export async function dovecotOn(maildir: string, scratch: string): Promise<DovecotSession> {
  const state = join(scratch, 'dovecot');
  await mkdir(state, { recursive: true });
  if (otherUser.uid !== undefined) await chown(state, otherUser.uid, otherUser.gid);
  const configuration = join(scratch, 'dovecot.conf');
  const ids = otherUser.uid === undefined ? '' : `mail_uid = ${nobody}\nmail_gid = ${nobody}\n`;
  await writeFile(
    configuration,
    `base_dir = ${state}\nstate_dir = ${state}\nlog_path = /dev/stderr\nssl = no\nfirst_valid_uid = 1\n${ids}mail_location = maildir:${maildir}\nnamespace inbox {\n inbox = yes\n separator = /\n}\n`,
    { mode: 0o644 },
  );
  const child = spawn('doveadm', ['-c', configuration, 'exec', 'imap'], {
    env: { PATH: process.env.PATH, USER: 'alice', HOME: state },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...otherUser,
  });
  const session = new Session(child);
  await session.until('Logged in');
  return session;
}

class Session implements DovecotSession {
  readonly #child: ChildProcess;
  #text = '';
  #errors = '';
  #tag = 0;
  #check: (() => void) | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (data: Buffer) => {
      this.#text += data.toString('latin1');
      this.#check?.();
    });
    child.stderr?.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    child.on('exit', () => this.#check?.());
    child.stdin?.on('error', () => undefined);
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  async send(command: string): Promise<string> {
    const tag = `t${++this.#tag}`;
    this.#text = '';
    this.write(`${tag} ${command}\r\n`);
    const answer = await this.until(`${tag} `, true);
    if (!answer.includes(`${tag} OK`)) throw new Error(`${command}: ${answer}`);
    return answer;
  }

  async until(text: string, isLine = false): Promise<string> {
    const found = () => {
      const at = this.#text.indexOf(text);
      return at >= 0 && (!isLine || this.#text.includes('\r\n', at));
    };
    await new Promise<void>((resolve, reject) => {
      this.#check = () => {
        if (found()) resolve();
        else if (this.#child.exitCode !== null) reject(new Error(`Dovecot ended: ${this.#errors}`));
      };
      this.#check();
    });
    this.#check = undefined;
    return this.#text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end('end LOGOUT\r\n');
    await ended;
  }
}

/** Whether a program is there. */
export function has(program: string, argument = '--version'): boolean {
  return spawnSync(program, [argument], { stdio: 'ignore', timeout: 20_000 }).error === undefined;
}
