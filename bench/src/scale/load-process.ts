/** The clients of the scale benchmark, in a process of their own, so that what they cost is counted apart. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type LoadOptions, loadSmtp } from '../smtp-load.js';

/** A process that hands in what it is told to. */
export interface LoadProcess {
  readonly pid: number;
  /** Resolves when all messages have their 250. */
  run(options: LoadOptions): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it. */
export function startLoadProcess(): LoadProcess {
  const child = fork(fileURLToPath(import.meta.url), [], { stdio: 'inherit' });
  return {
    pid: child.pid ?? 0,
    async run(options) {
      child.send(options);
      const [answer] = (await once(child, 'message')) as [{ readonly failure?: string }];
      if (answer.failure !== undefined) throw new Error(answer.failure);
    },
    stop: () => stopProcess(child),
  };
}

/** The next hop in a process of its own. */
export interface SinkProcess {
  readonly pid: number;
  readonly port: number;
  messages(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts it on a free port. */
export async function startSinkProcess(): Promise<SinkProcess> {
  const child = fork(fileURLToPath(new URL('../sink.js', import.meta.url)), [], { stdio: 'inherit' });
  const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }];
  return {
    pid: child.pid ?? 0,
    port,
    async messages() {
      child.send('counts');
      const [counts] = (await once(child, 'message')) as [{ readonly messages: number }];
      return counts.messages;
    },
    stop: () => stopProcess(child),
  };
}

async function stopProcess(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.disconnect();
  await ended;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.on('message', (options: LoadOptions) => {
    loadSmtp(options).then(
      () => process.send?.({}),
      (error: unknown) => process.send?.({ failure: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}
