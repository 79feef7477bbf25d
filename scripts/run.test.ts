import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('run.mjs', import.meta.url));

function runScript(...args: readonly string[]) {
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', timeout: 20_000 });
}

describe('scripts/run.mjs', () => {
  it('refuses an unknown command with one line that names the known ones', () => {
    const { status, stdout, stderr } = runScript('toString');
    expect(status).toBe(64);
    expect(stdout).toBe('');
    expect(stderr.trim()).toBe(
      '✗ toString failed. Say one of: install, build, lint, format, start, bench, test.',
    );
  });

  it('refuses to run without a command', () => {
    expect(runScript().status).toBe(64);
  });
});
