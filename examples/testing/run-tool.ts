/** Runs a program of the system to its end: the clients and tools that no one here wrote. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What a tool did. */
export interface ToolResult {
  /** `null` when it was ended by a signal, as after the time limit. */
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What a tool is run with. */
export interface ToolOptions {
  /** Without it, standard input stays open and silent, as a terminal at which nobody types. */
  readonly input?: string | Uint8Array;
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs it; never rejects for what the tool does, only when it can't be started. */
export function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: 'pipe',
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...options.environment },
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // A tool that does not read its input to the end tells why on its own.
    child.stdin.on('error', () => undefined);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout: Buffer.concat(stdout), stderr }));
    if (options.input !== undefined) child.stdin.end(options.input);
  });
}

/** Runs a tool that must succeed; rejects with what it said when it does not. */
export async function runToolWell(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<Buffer> {
  const { status, stdout, stderr } = await runTool(command, args, options);
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** The programs among these that are not on PATH. */
export function missingPrograms(...names: readonly string[]): readonly string[] {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.filter((name) => !folders.some((folder) => isExecutable(join(folder, name))));
}

/** A test's title that says loudly which programs it is skipped for; use it beside `skipIf`. */
export function titleWith(title: string, missing: readonly string[]): string {
  if (missing.length === 0) return title;
  return `${title} (SKIPPED: ${missing.join(', ')} not installed; as root, .ci/run installs them)`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Missing or not for us: either way it can't be run.
  }
}
