/** What `npm start` prints is true: the ports answer, and the three commands do what they say. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { poll } from '../../testing/poll.js';
import { missingPrograms, runTool, runToolWell, titleWith } from '../../testing/run-tool.js';
import { startProgram } from '../../testing/start-program.js';
import { openPostOffice, portNames } from './open-post-office.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const missing = missingPrograms('curl', 'sh');

/** The three commands as they stand, each with its continuation lines. */
function commandsIn(output: string): readonly string[] {
  const said = output.slice(output.indexOf('Try it'), output.indexOf('Ctrl-C'));
  return said
    .split(/\n\n/)
    .slice(1)
    .filter((command) => command.trim() !== '');
}

describe('the welcome', () => {
  it.skipIf(missing.length > 0)(titleWith('prints three commands that are true', missing), async () => {
    await using office = await openPostOffice();
    const [send = '', readImap = '', readPop3 = ''] = commandsIn(office.program.said());
    await runToolWell('sh', ['-c', send]);
    const overImap = await poll('the message is in the inbox', async () => {
      const { status, stdout } = await runTool('sh', ['-c', readImap]);
      return status === 0 && stdout.length > 0 && stdout;
    });
    const overPop3 = await runToolWell('sh', ['-c', readPop3]);
    expect(overPop3.toString()).toBe(overImap.toString());
    expect(overPop3.toString()).toMatch(/\r\nSubject: Hello\r\n\r\nHow are you\?\r\n$/);
    expect(overPop3.toString()).toContain('Received: from ');
  });
});

describe('the post office', () => {
  it('closes on SIGTERM and on SIGINT, also when npm repeats what the terminal sent', async () => {
    await using office = await openPostOffice();
    const commands = commandsIn(office.program.said());
    expect(await office.program.end('SIGTERM')).toEqual({ status: 0, signal: null });
    await office.restart();
    // The accounts that were made at the first start are told again, and the commands are still true.
    expect(commandsIn(office.program.said())).toEqual(commands);
    expect(office.program.said()).toContain('bob@example.org / builder');
    process.kill(office.program.pid, 'SIGINT');
    await office.program.whenSaid(/closing/);
    expect(await office.program.end('SIGINT')).toEqual({ status: 0, signal: null });
    expect(office.program.said()).toContain('The post office is closed.');
  });

  it('says what can be set, and what is wrong with what was set', async () => {
    const [help, wrong] = [startProgram(main, ['--help']), startProgram(main, ['--port', 'smtpp=1'])];
    expect(await help.ended).toEqual({ status: 0, signal: null });
    expect(help.said()).toContain('--data DIRECTORY');
    expect(await wrong.ended).toEqual({ status: 64, signal: null });
    expect(wrong.said()).toContain('the names are smtp, submission');
    expect(wrong.said()).toContain('--help');
  });

  it('refuses to share its data or its ports, says so, and leaves the first one alone', async () => {
    await using office = await openPostOffice();
    const elsewhere = await mkdtemp(join(tmpdir(), 'post-office-'));
    const ports = portNames.flatMap((name) => ['--port', `${name}=0`]);
    const sameData = startProgram(main, ['--data', office.directory, ...ports]);
    const samePort = startProgram(main, [
      '--data',
      elsewhere,
      ...ports,
      '--port',
      `smtp=${office.ports.smtp}`,
    ]);
    expect((await sameData.ended).status).toBe(1);
    expect(sameData.said()).toContain('could not start');
    expect(sameData.said()).toContain('--data');
    expect((await samePort.ended).status).toBe(1);
    expect(samePort.said()).toContain('Choose other ports with --port');
    await rm(elsewhere, { recursive: true });
    expect((await office.program.end()).status).toBe(0);
  });

  it('makes no accounts with known passwords where others can reach it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'post-office-'));
    const ports = portNames.flatMap((name) => ['--port', `${name}=0`]);
    const program = startProgram(main, ['--host', '0.0.0.0', '--data', directory, ...ports]);
    await program.whenSaid(/Ctrl-C closes it/);
    expect(program.said()).toContain('No account yet');
    expect(program.said()).not.toContain('wonderland');
    await program.end();
    await rm(directory, { recursive: true });
  });
});
