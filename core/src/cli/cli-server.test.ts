import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  config,
  directory,
  lightConfig,
  plugin,
  postroad,
  postroadHere,
  send,
  start,
  timeoutMs,
  useCliDirectory,
  write,
} from './cli.test.kit.js';

useCliDirectory();

describe('with a running server', { timeout: timeoutMs }, () => {
  it('lists, shows and changes the queue', async () => {
    const { port } = await start();
    expect((await stat(join(directory, 'run', 'control.sock'))).mode & 0o777).toBe(0o600);
    expect((await postroadHere(['queue', 'list'])).stdout).toBe('Nothing in the queue matches.\n');
    await send(port, 'one@first.example');
    await send(port, 'two@second.example');
    const listed = await postroadHere(['queue', 'list', '--domain', 'First.example', '--json']);
    const recipient = JSON.parse(listed.stdout) as { messageId: string; address: unknown };
    expect(recipient.address).toEqual({ localPart: 'one', domain: 'first.example' });
    const id = recipient.messageId;
    const shown = await postroadHere(['queue', 'show', id]);
    expect(shown.stdout).toContain('From        <sender@here.example>');
    expect(shown.stdout).toContain('Subject     A  [31mred [0m letter');
    expect(shown.stdout).not.toContain('\u001b');
    // The answer is that of a decorated class with an injected clock, from a file that nobody compiled.
    await expect
      .poll(async () => (await postroadHere(['queue', 'show', id])).stdout, { timeout: timeoutMs })
      .toContain('451 4.4.1 not now');
    expect(
      (await postroadHere(['queue', 'count', '--by', 'domain', '--json'])).stdout.trim().split('\n').sort(),
    ).toEqual(['{"domain":"first.example","recipients":1}', '{"domain":"second.example","recipients":1}']);
    expect((await postroadHere(['queue', 'count', '--domain', 'first.example'])).stdout).toMatch(
      /^1 recipients of 1 messages: /,
    );
    expect(await postroadHere(['queue', 'count', '--by', 'toString'])).toMatchObject({ status: 64 });
    expect((await postroadHere(['queue', 'hold', id, '--reason', 'asked'])).stdout).toBe(
      'Held: 1 recipient.\n',
    );
    const table = (await postroadHere(['queue', 'list', '--state', 'held'])).stdout.split('\n');
    expect(table[0]).toMatch(/^MESSAGE +RECIPIENT +STATE/);
    expect(table[1]).toMatch(/one@first\.example +held +.*asked/);
    expect((await postroadHere(['queue', 'release', id, '--json'])).stdout).toBe('{"changed":1}\n');
    expect((await postroadHere(['queue', 'retry', '--site', 'nowhere'])).stdout).toBe(
      'Made due: 0 recipients.\n',
    );
    expect(await postroadHere(['queue', 'delete'])).toMatchObject({ status: 64, stdout: '' });
    expect((await postroadHere(['queue', 'bounce', '--site', 'nowhere'])).stdout).toBe(
      'Returned: 0 recipients.\n',
    );
    expect((await postroadHere(['queue', 'delete', '--all'])).stdout).toBe('Deleted: 2 recipients.\n');
    expect(await postroadHere(['queue', 'show', id])).toMatchObject({ status: 66, stdout: '' });
  });

  it('suspends, resumes and traces', async () => {
    const { port } = await start();
    const suspended = await postroadHere([
      'queue',
      'suspend',
      '--domain',
      'first.example',
      '--reason',
      'asked',
    ]);
    expect(suspended.stdout).toBe('Suspended: domain first.example until it is resumed (asked)\n');
    await send(port, 'one@first.example');
    expect((await postroadHere(['queue', 'suspensions'])).stdout).toContain('domain first.example');
    const { stdout: told } = await postroadHere(['trace', 'one@first.example']);
    expect(told).toContain('from <sender@here.example>');
    expect(told).toMatch(/suspended +one@first\.example/);
    expect((await postroadHere(['queue', 'resume', '--domain', 'first.example'])).stdout).toBe('Resumed.\n');
    expect((await postroadHere(['queue', 'resume', '--domain', 'first.example'])).stdout).toBe(
      'It was not suspended.\n',
    );
    expect(await postroadHere(['queue', 'suspend'])).toMatchObject({ status: 64 });
    expect((await postroadHere(['trace', 'nobody'])).stdout).toContain('No message');
  });

  it('stops when told, and the command waits for it', async () => {
    await write('postroad.config.yaml', lightConfig);
    const { child } = await start();
    const exited = once(child, 'exit');
    expect(await postroad('stop', '--drain', '1')).toMatchObject({
      status: 0,
      stdout: 'The server has stopped.\n',
    });
    expect(await exited).toEqual([0, null]);
    expect((await postroad('stop')).status).toBe(69);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops on %s and leaves no socket behind', async (signal) => {
    await write('postroad.config.yaml', lightConfig);
    const { child } = await start();
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect(stat(join(directory, 'run', 'control.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('starts again after a kill -9', async () => {
    await write('postroad.config.yaml', lightConfig);
    const { child } = await start();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const again = await start();
    expect((await postroadHere(['queue', 'list'])).status).toBe(0);
    again.child.kill('SIGTERM');
    expect(await once(again.child, 'exit')).toEqual([0, null]);
  });

  it('refuses a second server on the same socket', async () => {
    await write('postroad.config.yaml', lightConfig);
    await start();
    const second = await postroad('start');
    expect(second).toMatchObject({
      status: 69,
      stderr: expect.stringContaining('another server is running'),
    });
    expect((await postroadHere(['queue', 'list'])).status).toBe(0);
  });

  it('reloads by command and by SIGHUP; a broken configuration keeps the old one and says why', async () => {
    const { child, logged } = await start();
    await write('postroad.config.yaml', config.replace('level: warn', 'level: info').replace('mx.', 'new.'));
    expect(await postroadHere(['reload'])).toMatchObject({
      status: 0,
      stdout: 'The server has reloaded its configuration.\n',
    });
    await logged('"event":"reloaded"');
    await write('postroad.config.yaml', config.replace('hostname: ', 'hostname: 1 #'));
    const refused = await postroadHere(['reload']);
    expect(refused.status).toBe(78);
    expect(refused.stderr).toContain('postroad.config.yaml:2: hostname: expected string, received number');
    child.kill('SIGHUP');
    const line = JSON.parse(await logged('reload failed')) as { reason: string };
    expect(line.reason).toContain('hostname: expected string');
    expect((await postroadHere(['queue', 'list'])).status).toBe(0);
  });

  it('reads changed plugins at a reload, and watches them with --watch', async () => {
    await write('postroad.config.yaml', config.replace('level: warn', 'level: info'));
    const { logged } = await start('--watch');
    await write('route-nowhere.ts', plugin.replace("'not now'", '({'));
    const line = JSON.parse(await logged('reload failed')) as { reason: string };
    expect(line.reason).toMatch(/route-nowhere\.ts:\d+/);
    await write('route-nowhere.ts', plugin.replace('not now', 'later'));
    await logged('"event":"reloaded"');
  });
});
