// Tells a test run that has come to a standstill: what hangs, what its processes wait for; then it ends the run. A test's
// own limit can't do that for a process whose event loop stands, and a check that says nothing for an hour teaches nobody.
import { readFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** Longer than the limit of any test: what has one is ended by Vitest and told by it. */
const standstillMs = 6 * 60_000;
/** A file may also wait for the limit of one test after the other: longer than any takes on a slow machine. */
const fileMsMax = 12 * 60_000;
const lookEveryMs = 5_000;
/** The exit status of such a run, by which others tell it from failed tests: EX_TEMPFAIL of sysexits.h. */
const standstillStatus = 75;

interface Progress {
  readonly tests: Set<string>;
  readonly beganAtMs: number;
  movedAtMs: number;
}

/** A reporter for Vitest that speaks only when a file has not moved for `limitMs` or goes on for ever; `end` is what it does then. */
export function watchTests(limitMs = standstillMs, end: (told: string) => void = endRun): Reporter {
  const running = new Map<string, Progress>();
  // What is told of a test may come after the end of its file.
  const ended = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const move = (module: TestModule, change?: (tests: Set<string>) => void): void => {
    if (ended.has(module.relativeModuleId)) return;
    const progress = running.get(module.relativeModuleId) ?? {
      tests: new Set(),
      beganAtMs: performance.now(),
      movedAtMs: 0,
    };
    running.set(module.relativeModuleId, progress);
    progress.movedAtMs = performance.now();
    change?.(progress.tests);
  };
  const look = (): void => {
    const nowMs = performance.now();
    const still = [...running].filter(
      ([, { beganAtMs, movedAtMs }]) => nowMs - movedAtMs > limitMs || nowMs - beganAtMs > fileMsMax,
    );
    if (still.length === 0) return;
    clearInterval(timer);
    end(tell(still, limitMs));
  };
  return {
    onTestRunStart() {
      timer = setInterval(look, Math.min(lookEveryMs, limitMs));
    },
    onTestModuleQueued: (module) => move(module),
    onTestModuleStart: (module) => move(module),
    onTestCaseReady: (test) => move(test.module, (tests) => tests.add(test.fullName)),
    onTestCaseResult: (test) => move(test.module, (tests) => tests.delete(test.fullName)),
    onTestModuleEnd(module) {
      running.delete(module.relativeModuleId);
      ended.add(module.relativeModuleId);
    },
    onTestRunEnd() {
      clearInterval(timer);
    },
  };
}

function tell(still: readonly (readonly [string, Progress])[], limitMs: number): string {
  const lines = [`✗ test: stands still for ${Math.round(limitMs / 1000)} s, or goes on for far too long:`];
  for (const [module, { tests }] of still) {
    lines.push(
      `  ${module}${tests.size === 0 ? ', in a test that it could not tell any more, or in none' : ''}`,
    );
    for (const test of tests) lines.push(`    ${test}`);
  }
  lines.push('Its processes, and what each waits for in the kernel:', ...family(process.pid, '  '));
  return lines.join('\n');
}

function endRun(told: string): void {
  process.stderr.write(`\n${told}\n`);
  for (const pid of descendants(process.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  process.exit(standstillStatus);
}

function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

function family(pid: number, indent: string): string[] {
  return childrenOf(pid).flatMap((child) => [
    `${indent}${child} ${read(child, 'wchan')} ${read(child, 'cmdline').replaceAll('\0', ' ').slice(0, 200)}`,
    ...family(child, `${indent}  `),
  ]);
}

function childrenOf(pid: number): number[] {
  return read(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
}

/** Of a process in Linux's /proc; nothing elsewhere, and of one that is gone. */
function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
