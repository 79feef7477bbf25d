/** Running the real command in a directory of its own, for the tests of the command line. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';
import { runCli } from './run-cli.js';
import type { CliHost } from './terminal.js';

/** Each test starts several processes, on machines that may be busy. */
export const timeoutMs = 240_000;

/** A process of the command. */
export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

const program = fileURLToPath(new URL('../../bin/postroad.js', import.meta.url));
const children: Child[] = [];
/** Where the command runs; a new one for each test. */
export let directory: string;

/** One TypeScript file: a decorated class with an injected collaborator, hooks and commands. */
export const plugin = `
import { accept, Clock, definePlugin, inject, injectable, token } from '@postroad/core';
import { z } from 'zod';

interface Answers { text(): string }
const Answers = token<Answers>('route-nowhere.answers');

@injectable()
class ClockAnswers implements Answers {
  readonly #clock: Clock;
  constructor(@inject(Clock) clock: Clock) { this.#clock = clock; }
  text(): string { return this.#clock.now() > 0 ? 'not now' : 'never'; }
}

export const answers = definePlugin({
  name: 'answers',
  provides: [Answers],
  setup({ provideClass }) {
    provideClass(Answers, ClockAnswers);
  },
});

export const routeNowhere = definePlugin({
  name: 'route-nowhere',
  description: 'Lets every message wait.',
  config: z.strictObject({ detail: z.string().default('4.1'), file: z.string().optional() }),
  needs: { answers: Answers },
  commands: [
    {
      name: 'secret keep',
      description: 'Keep a secret.',
      args: { name: { kind: 'positional', description: 'whose', isRequired: true } },
      async run({ config, args, terminal }) {
        terminal.result([{ name: args.name, length: (await terminal.askSecret('Secret')).length, file: config.file }]);
      },
    },
  ],
  setup({ config, services, tap }) {
    tap('recipient', () => accept());
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients }) => ({
      outcomes: recipients.map(({ index }) => ({
        index, status: 'deferred' as const, reply: { code: 451, detail: config.detail, text: services.answers.text() },
      })),
    }));
  },
});
`;

/** The configuration file of each test. */
export const config = `
hostname: mx.example.org
control: { socket: run/control.sock }
log: { level: warn }
drainMs: 1000
plugins:
  - "@postroad/core#queueMemory"
  - { use: "./route-nowhere.ts#routeNowhere", file: nowhere.txt }
  - "./route-nowhere.ts#answers"
listeners:
  - { name: relay, host: 127.0.0.1, port: 0, role: relay }
`;

/** A server without plugins to compile, which starts sooner. */
export const lightConfig = config
  .split('\n')
  .filter((line) => !line.includes('route-nowhere'))
  .join('\n');

/** Writes a file into the directory. */
export const write = (name: string, text: string) => writeFile(join(directory, name), text);

/** Gives each test of the file that calls it a directory, and ends what it started. */
export function useCliDirectory(): void {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postroad-cli-'));
    await symlink(
      fileURLToPath(new URL('../../node_modules', import.meta.url)),
      join(directory, 'node_modules'),
    );
    await write('route-nowhere.ts', plugin);
    await write('postroad.config.yaml', config);
  });

  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    await rm(directory, { recursive: true, force: true });
  });
}

/** Starts the command. */
export function run(...args: readonly string[]): Child {
  const env = { PATH: process.env.PATH, HOME: directory };
  const child = spawn(process.execPath, [program, ...args], { cwd: directory, env, stdio: 'pipe' });
  children.push(child);
  return child;
}

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Gives the input and waits for the end. */
export async function ended(child: Child, input = ''): Promise<Ended> {
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

/** Runs the command line in this process: quick, for what needs no process of its own. */
export async function postroadHere(args: readonly string[], input = ''): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', (chunk) => {
      written[name] += String(chunk);
    });
  const stdin = new PassThrough();
  stdin.end(input);
  const [stdout, stderr] = [stream('stdout'), stream('stderr')];
  // Not of a terminal: what `isTTY` is not there for.
  const streams = { stdin, stdout, stderr } as unknown as Pick<CliHost, 'stdin' | 'stdout' | 'stderr'>;
  const status = await runCli(args, { ...streams, environment: { HOME: directory }, directory });
  await Promise.all([stdout, stderr].map((one) => finished(one.end())));
  return { status, ...written };
}

/** Runs the command to its end. */
export const postroad = (...args: readonly string[]) => ended(run(...args));

/** A running server. */
export interface Started {
  readonly child: Child;
  readonly port: number;
  /** Resolves with the first log line in which the text occurs. */
  logged(text: string): Promise<string>;
}

/** Starts a server and waits until it listens. */
export async function start(...args: readonly string[]): Promise<Started> {
  const child = run('start', '--json', ...args);
  const logLines: string[] = [];
  const looking = new Set<() => void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    logLines.push(line);
    for (const look of looking) look();
  });
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(logLines.join('\n')))),
  ])) as [string];
  const { listeners } = JSON.parse(line) as { listeners: { port: number }[] };
  return {
    child,
    port: listeners[0]?.port ?? 0,
    logged: (text) =>
      new Promise((resolve) => {
        const look = () => {
          const found = logLines.find((each) => each.includes(text));
          if (found !== undefined) resolve(found);
        };
        looking.add(look);
        look();
      }),
  };
}

/** Sends a message. */
export async function send(port: number, recipient: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const say = async (text: string, expected: string) => {
    if (text !== '') socket.write(`${text}\r\n`);
    for (;;) {
      const { value } = await lines.next();
      if (!String(value).startsWith(expected)) throw new Error(`${text}: ${value}`);
      if (String(value)[3] !== '-') return;
    }
  };
  await say('', '220');
  await say('EHLO client.example', '250');
  await say('MAIL FROM:<sender@here.example>', '250');
  await say(`RCPT TO:<${recipient}>`, '250');
  await say('DATA', '354');
  await say('Subject: A \u001b[31mred\u001b[0m letter\r\n\r\nHello.\r\n.', '250');
  await say('QUIT', '221');
  socket.destroy();
}
