/** The nodes as processes: `postroad start` with an environment, as a container runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('..', import.meta.url));
const program = join(
  fileURLToPath(new URL('.', import.meta.resolve('@postroad/core'))),
  '../bin/postroad.js',
);

/** A node's environment. */
export type NodeEnvironment = Readonly<Record<string, string>>;

/** A place for a node: processes come and go in it. */
export interface NodePlace {
  readonly name: string;
  readonly smtpPort: number;
  readonly imapPort: number;
  start(): Promise<void>;
  /** Ends it as an orchestrator does: it finishes what it is at. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
  pause(isPaused: boolean): void;
  /** Runs a `postroad` command against it. */
  command(args: readonly string[]): Promise<void>;
}

/** A place without a process yet. */
export function createPlace(name: string, environment: NodeEnvironment): NodePlace {
  let child: ChildProcess | undefined;
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
  return {
    name,
    smtpPort: Number(environment.POSTROAD_SMTP_PORT),
    imapPort: Number(environment.POSTROAD_IMAP_PORT),
    async start() {
      const started = run(['start', '--json'], environment, ['ignore', 'pipe', 'inherit']);
      child = started;
      const output = started.stdout;
      if (output === null) throw new Error('a node has no output');
      await Promise.race([
        once(createInterface({ input: output }), 'line'),
        once(started, 'exit').then(() => Promise.reject(new Error(`${name} does not start`))),
      ]);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause: (isPaused) => void child?.kill(isPaused ? 'SIGSTOP' : 'SIGCONT'),
    command: (args) => finish(args, environment),
  };
}

/** `postroad migrate`, once for all nodes. */
export async function migrateAll(environment: NodeEnvironment): Promise<void> {
  await finish(['migrate'], environment);
}

async function finish(args: readonly string[], environment: NodeEnvironment): Promise<void> {
  const child = run(args, environment, ['ignore', 'ignore', 'inherit']);
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`postroad ${args.join(' ')} failed`);
}

function run(
  args: readonly string[],
  environment: NodeEnvironment,
  stdio: readonly ('ignore' | 'pipe' | 'inherit')[],
): ChildProcess {
  return spawn(process.execPath, [program, ...args, '--config', join(example, 'postroad.config.ts')], {
    cwd: example,
    env: { ...process.env, ...environment },
    stdio: [...stdio],
  });
}
