/** A post office as `npm start` opens it, on ports that the system chooses, in a directory of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImapFlow } from 'imapflow';
import { vi } from 'vitest';
import { type Program, startProgram } from '../../testing/start-program.js';

// A process starts in its own time, on a busy machine more so.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** What is spoken on the ports. */
export const portNames = [
  'smtp',
  'submission',
  'submissions',
  'lmtp',
  'imap',
  'imaps',
  'pop3',
  'pop3s',
] as const;

/** The name of a port. */
export type PortName = (typeof portNames)[number];

/** An open post office. `await using` closes it and removes its directory. */
export interface OpenPostOffice extends AsyncDisposable {
  readonly directory: string;
  readonly program: Program;
  readonly ports: Readonly<Record<PortName, number>>;
  /** Kills the process as `kill -9` does. */
  kill(): Promise<void>;
  /** Starts a new process over what the old one left behind, on the same ports. */
  restart(): Promise<void>;
}

/** Opens it and waits until it says so. */
export async function openPostOffice(...flags: readonly string[]): Promise<OpenPostOffice> {
  const directory = await mkdtemp(join(tmpdir(), 'post-office-'));
  let program = start(directory, {}, flags);
  let ports: Readonly<Record<PortName, number>>;
  const close = async () => {
    await program.end();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    ports = await readPorts(program);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    directory,
    ports,
    get program() {
      return program;
    },
    async kill() {
      await program.end('SIGKILL');
    },
    async restart() {
      program = start(directory, ports, flags);
      await readPorts(program);
    },
    [Symbol.asyncDispose]: close,
  };
}

function start(
  directory: string,
  ports: Partial<Record<PortName, number>>,
  flags: readonly string[],
): Program {
  const portFlags = portNames.flatMap((name) => ['--port', `${name}=${ports[name] ?? 0}`]);
  return startProgram(main, ['--data', directory, ...portFlags, ...flags]);
}

async function readPorts(program: Program): Promise<Readonly<Record<PortName, number>>> {
  await program.whenSaid(/Ctrl-C closes it\./);
  const entries = portNames.map((name) => {
    const match = new RegExp(`^ {2}${name} +(\\d+) `, 'im').exec(program.said());
    if (match === null) throw new Error(`no port for ${name} in:\n${program.said()}`);
    return [name, Number(match[1])] as const;
  });
  return Object.fromEntries(entries) as Record<PortName, number>;
}

/** The accounts that a new post office has. */
export const alice = { login: 'alice@example.org', password: 'wonderland' };
export const bob = { login: 'bob@example.org', password: 'builder' };

/** A connected IMAP client; the caller logs it out. */
export async function openImap(
  port: number,
  { login, password }: { readonly login: string; readonly password: string },
): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: login, pass: password },
    logger: false,
  });
  // What breaks the connection is told by the command under way.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The messages of a mailbox as they are, in their order. */
export async function messagesOf(client: ImapFlow, mailbox = 'INBOX'): Promise<readonly Buffer[]> {
  const lock = await client.getMailboxLock(mailbox);
  try {
    const messages: Buffer[] = [];
    // A mailbox that is open already is not looked at anew by itself.
    await client.noop();
    if (client.mailbox === false || client.mailbox.exists === 0) return messages;
    for await (const { source } of client.fetch('1:*', { source: true })) {
      if (source !== undefined) messages.push(source);
    }
    return messages;
  } finally {
    lock.release();
  }
}
