import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  config,
  directory,
  postroad,
  postroadHere,
  timeoutMs,
  useCliDirectory,
  write,
} from './cli.test.kit.js';

useCliDirectory();

describe('without a server', { timeout: timeoutMs }, () => {
  it('checks, explains and prints the schema with the options of plugins', async () => {
    // As a process of its own, once.
    expect(await postroad('check')).toEqual({
      status: 0,
      stdout: 'postroad.config.yaml is right: 3 plugins, 1 listener.\n',
      stderr: '',
    });
    const explained = await postroadHere(['explain']);
    expect(explained.stdout).toMatch(/ {2}recipient +decide +route-nowhere → refuse when nobody decides/);
    const json = JSON.parse((await postroadHere(['explain', '--json'])).stdout) as { services: unknown[] };
    expect(json.services).toContainEqual({ token: 'route-nowhere.answers', provider: 'answers' });
    const schema = JSON.parse((await postroadHere(['schema'])).stdout) as { $defs: Record<string, unknown> };
    expect(schema.$defs['route-nowhere']).toMatchObject({
      properties: { use: { const: './route-nowhere.ts#routeNowhere' }, detail: { default: '4.1' } },
    });
  });

  it('runs the commands of plugins with their checked configuration, and reads secrets from a pipe', async () => {
    const { status, stdout } = await postroadHere(['secret', 'keep', 'alice', '--json'], 'wonderland\n');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ name: 'alice', length: 10, file: join(directory, 'nowhere.txt') });
    const without = await postroadHere(['secret', 'keep', 'alice']);
    expect(without).toMatchObject({ status: 64, stderr: expect.stringContaining('a secret is needed') });
  });

  it('gives help everywhere, also without a configuration', async () => {
    const all = await postroadHere(['--help']);
    expect(all.stdout).toContain('secret keep');
    expect((await postroadHere(['queue'])).stdout).toContain('queue release');
    const list = await postroadHere(['queue', 'list', '--help']);
    expect(list.stdout).toMatch(/Examples:\n {2}postroad queue list/);
    expect((await postroadHere(['secret', 'keep', '--help'])).stdout).toContain(
      'Usage: postroad secret keep <name>',
    );
    await rm(join(directory, 'postroad.config.yaml'));
    const bare = await postroadHere(['help']);
    expect(bare).toMatchObject({ status: 0, stdout: expect.stringContaining('Plugins add commands') });
  });

  it.each([
    [['chek'], 64, 'there is no command chek (did you mean check?)'],
    [['queue', 'lst'], 64, 'there is no command queue lst (did you mean queue list?)'],
    [['secret', 'kep'], 64, 'there is no command secret kep (did you mean secret keep?)'],
    [['secret'], 64, 'say one of: secret keep'],
    [['secret', 'keep'], 64, '<name> is missing: whose; see postroad secret keep --help'],
    [['queue', 'list', '--domian', 'x'], 64, 'unknown option --domian (did you mean --domain?)'],
    [['queue', 'list', 'a', 'b'], 64, 'unexpected argument "b"'],
    [['queue', 'list'], 69, 'no server is running'],
    [['stop', '--drain', 'x'], 69, 'no server is running'],
    [['check', '--config', 'nowhere.yaml'], 78, 'there is no such file'],
  ])('%j fails with %i and says why', async (args, status, text) => {
    const failed = await postroadHere([...args]);
    expect(failed).toMatchObject({ status, stdout: '' });
    expect(failed.stderr).toContain(`postroad: `);
    expect(failed.stderr).toContain(text);
  });

  it('tells what is wrong with a configuration, for people and for programs', async () => {
    await write(
      'postroad.config.yaml',
      config.replace('file: nowhere', 'fiel: nowhere').replace('hostname', 'hostnam'),
    );
    const plain = await postroadHere(['check']);
    expect(plain.status).toBe(78);
    expect(plain.stderr).toContain(
      'postroad.config.yaml:8: plugins[1].fiel (plugin route-nowhere): unknown key (did you mean file?)',
    );
    const json = await postroadHere(['check', '--json']);
    expect(json.status).toBe(78);
    const { error } = JSON.parse(json.stderr) as { error: { code: string; issues: unknown[] } };
    expect(error.code).toBe('E_CONFIG');
    expect(error.issues).toContainEqual(expect.objectContaining({ path: ['hostnam'], line: 2 }));
  });

  it.each([
    [
      'a missing service',
      config.replace('  - "@postroad/core#queueMemory"\n', ''),
      /core\.queue-store|queue plugin/,
    ],
    [
      'the same plugin twice',
      config.replace('listeners:', '  - ./route-nowhere.ts#answers\nlisteners:'),
      /plugin answers stands twice/,
    ],
  ])('does not start with %s', async (_, text, expected) => {
    await write('postroad.config.yaml', text);
    const failed = await postroadHere(['start']);
    expect(failed.status).toBe(78);
    expect(failed.stderr).toMatch(expected);
  });
});
