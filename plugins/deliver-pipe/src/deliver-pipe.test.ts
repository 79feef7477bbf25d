import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, definePlugin, formatReply, type RecipientOutcome } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PipeCommand } from './config.js';
import { deliverPipe } from './deliver-pipe.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-pipe-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const content = 'Subject: x\r\n\r\n.dot\r\nü\r\n';

/** Delivers to one recipient and gives what became of it. */
async function deliver(command: Partial<PipeCommand>, localPart = 'bob'): Promise<string> {
  const outcomes: RecipientOutcome[] = [];
  const watch = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('attempted', (_delivery, report) => void outcomes.push(...report.outcomes));
    },
  });
  const commands = { test: { command: '/bin/sh', domains: ['example.org'], ...command } };
  await using server = await startTestMta({ plugins: [deliverPipe({ commands }), watch()] });
  const recipients = [{ address: { localPart, domain: 'example.org' } }];
  await server.mta.submit({ reversePath: null, recipients }, Buffer.from(content));
  await expect.poll(() => outcomes.length, { timeout: 10_000 }).toBeGreaterThan(0);
  const [outcome] = outcomes;
  return outcome === undefined ? '' : `${outcome.status} ${formatReply(outcome.reply)}`;
}

const shell = (script: string, ...args: string[]): Partial<PipeCommand> => ({
  args: ['-c', script, 'sh', ...args],
});

test('gives the message to the program, and addresses as arguments that no shell reads', async () => {
  const file = join(directory, 'out');
  const said = await deliver(
    shell('cat > "$1"; printf "%s|%s" "$2" "$RECIPIENT" >> "$1"', file, '{recipient}'),
    'a;$(id)`',
  );
  expect(said).toBe('delivered 250 2.0.0 delivered to the program');
  const text = await readFile(file, 'utf8');
  expect(text).toContain(content);
  expect(text.endsWith('"a;$(id)`"@example.org|"a;$(id)`"@example.org')).toBe(true);
});

describe('the end of the program', () => {
  test.each([
    ['exit 67', 'failed 550 5.1.1 the program does not know the recipient'],
    ['echo no such ticket >&2; exit 65', 'failed 550 5.6.0 no such ticket'],
    ['exit 75', 'deferred 451 4.3.0 the program ended with status 75'],
    ['exit 1', 'deferred 451 4.3.0 the program ended with status 1'],
    ['kill -9 $$', 'deferred 451 4.3.0 the program was ended by SIGKILL'],
    ['exec <&-; exit 0', 'delivered 250 2.0.0 delivered to the program'],
  ])('%s', async (script, expected) => {
    expect(await deliver(shell(script))).toBe(expected);
  });

  test('comes when its time is over', async () => {
    expect(await deliver({ ...shell('exec sleep 60'), timeoutMs: 100 })).toBe(
      'deferred 451 4.3.0 the program was ended by SIGKILL',
    );
  });
});

test('a program that is not there defers', async () => {
  expect(await deliver({ command: join(directory, 'missing') })).toBe(
    'deferred 451 4.3.0 the program could not be run',
  );
});

test('an address that looks like an option is refused', async () => {
  expect(await deliver(shell('exit 0'), '-rf')).toBe(
    'failed 550 5.1.3 the recipient can not be given to a program',
  );
});
