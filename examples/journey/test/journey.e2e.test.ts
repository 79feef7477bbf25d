/** The journey as its reader starts it. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startProgram } from '../../testing/start-program.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it('arrives, with every step told', { timeout: 300_000 }, async () => {
  await using program = startProgram(main);
  expect(await program.ended, program.said()).toEqual({ status: 0, signal: null });
  const told = program.said();
  expect(told).toMatch(/^13\. Nothing is left in the queue/m);
  expect(told).toMatch(/does not answer \(try 1\): 451 4\.4\.1 /);
  expect(told.match(/^ +Received: from /gm)).toHaveLength(2);
  expect(told).toContain('Diagnostic-Code: smtp; 550 5.1.1 no such user here');
  expect(told).toContain('all 13 steps held');
  expect(told).not.toContain('Warning');
});

it('says what it is, and ends early and clean when it is stopped', { timeout: 300_000 }, async () => {
  const help = startProgram(main, ['--help']);
  const wrong = startProgram(main, ['--fast']);
  await using stopped = startProgram(main);
  await stopped.whenSaid(/is down\.\n/);
  expect(await stopped.end('SIGINT')).toEqual({ status: 1, signal: null });
  expect(stopped.said()).toContain('The journey ends here: stopped by SIGINT');
  expect(await help.ended).toEqual({ status: 0, signal: null });
  expect(help.said()).toContain('Usage: ');
  expect(await wrong.ended).toEqual({ status: 64, signal: null });
});
