/** Runs an example as its users do: a process of its own, spoken to by its output and its sockets. */
import { type ChildProcess, spawn } from 'node:child_process';

/** How a program ended. */
export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program. `await using` stops it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Everything it has said until now, on both outputs. */
  said(): string;
  /**
   * Resolves with the first match in what it says; rejects with all of it when it ends or the time is over. The program
   * is ended then: a test that fails at its start has nothing yet that would.
   */
  whenSaid(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Sends a signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<ProgramEnd>;
  readonly ended: Promise<ProgramEnd>;
}

/** What a program is started with. */
export interface ProgramOptions {
  readonly directory?: string;
  /** In place of the environment's variables of these names. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How long a program may take to say what is waited for; generous, for other tests run at the same moment. */
const sayTimeoutMs = 120_000;
const endTimeoutMs = 60_000;

/** Starts a JavaScript file with this very Node. */
export function startProgram(
  file: string,
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Program {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    ...(options.directory === undefined ? {} : { cwd: options.directory }),
  });
  const listeners = new Set<() => void>();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const listener of [...listeners]) listener();
    });
  }
  const ended = whenEnded(child, listeners);
  const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<ProgramEnd> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
    const result = await ended;
    clearTimeout(timer);
    return result;
  };
  return {
    pid: child.pid ?? 0,
    said: () => output,
    ended,
    end,
    async [Symbol.asyncDispose]() {
      await end();
    },
    whenSaid(pattern, timeoutMs = sayTimeoutMs) {
      return new Promise((resolve, reject) => {
        const fail = (why: string) => {
          child.kill('SIGKILL');
          settle(() => reject(new Error(`${why} ${pattern}:\n${output}`)));
        };
        const timer = setTimeout(() => fail('the program did not say'), timeoutMs);
        const settle = (done: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          done();
        };
        const look = () => {
          const match = pattern.exec(output);
          if (match !== null) settle(() => resolve(match));
          else if (child.stdout.closed && child.exitCode !== null) fail('the program ended before it said');
        };
        listeners.add(look);
        look();
      });
    },
  };
}

function whenEnded(child: ChildProcess, listeners: ReadonlySet<() => void>): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // All output has been read at `close`, not yet at `exit`.
    child.once('close', (status, signal) => {
      resolve({ status, signal });
      for (const listener of [...listeners]) listener();
    });
  });
}
