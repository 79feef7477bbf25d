import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from './load-config.js';

let directory: string;

const write = (name: string, text: string) => writeFile(join(directory, name), text);

const checkList = `
import { definePlugin } from '@postroad/core';
import { z } from 'zod';
export const checkList = definePlugin({
  name: 'check-list',
  config: z.strictObject({
    zones: z.array(z.string()).default([]), limit: z.number().optional(), file: z.string().optional(),
    nested: z.strictObject({ retries: z.number() }).optional(), isStrict: z.boolean().optional(),
  }),
  setup() {},
});
`;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-config-'));
  await symlink(
    fileURLToPath(new URL('../../node_modules', import.meta.url)),
    join(directory, 'node_modules'),
  );
  await write('check-list.ts', checkList);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

describe('each kind of file', () => {
  const plugins = [{ use: './check-list.ts', zones: ['bl.example'], file: 'list.txt' }];
  const base = { hostname: 'mx.example.org', plugins, tls: { selfSignedDirectory: 'tls' } };
  const kinds: Readonly<Record<string, string>> = {
    'postroad.config.json': JSON.stringify({ $schema: './postroad.schema.json', ...base }),
    'postroad.config.yaml':
      'hostname: mx.example.org\nplugins:\n  - use: ./check-list.ts\n    zones: [bl.example]\n    file: list.txt\ntls: { selfSignedDirectory: tls }\n',
    'postroad.config.js': `export default ${JSON.stringify(base)};`,
    'postroad.config.ts': `import { defineConfig } from '@postroad/core';
      import { checkList } from './check-list.ts';
      const tls: { selfSignedDirectory: string } = { selfSignedDirectory: 'tls' };
      export default defineConfig(async () => ({
        hostname: 'mx.example.org', tls, plugins: [checkList({ zones: ['bl.example'], file: 'list.txt' })],
      }));`,
  };

  it.each(Object.keys(kinds))('%s gives the same options, with paths relative to the file', async (name) => {
    await write(name, kinds[name] ?? '');
    const { options, file, plugins } = await loadConfig(undefined, directory);
    expect(file).toBe(join(directory, name));
    expect(options.hostname).toBe('mx.example.org');
    expect(options.tls).toEqual({ selfSignedDirectory: join(directory, 'tls') });
    expect(options.plugins).toHaveLength(1);
    expect(options.plugins[0]?.definition.name).toBe('check-list');
    expect(options.plugins[0]?.config).toEqual({ zones: ['bl.example'], file: join(directory, 'list.txt') });
    expect(plugins[0]?.use).toBe(name.endsWith('.ts') ? undefined : './check-list.ts');
  });

  it('is read afresh, as a reload must', async () => {
    await write('postroad.config.js', `export default { hostname: 'one.example', plugins: [] };`);
    expect((await loadConfig(undefined, directory)).options.hostname).toBe('one.example');
    await write('postroad.config.js', `export default { hostname: 'two.example', plugins: [] };`);
    expect((await loadConfig(undefined, directory)).options.hostname).toBe('two.example');
  });
});

describe('plugins of listeners', () => {
  it('are loaded for their listener, also when only named', async () => {
    await write(
      'postroad.config.yaml',
      'hostname: a.example\nplugins: []\nlisteners:\n  - port: 0\n    role: relay\n    plugins: [./check-list.ts]\n',
    );
    const { options, plugins } = await loadConfig(undefined, directory);
    expect(options.listeners?.[0]?.plugins?.[0]?.definition.name).toBe('check-list');
    expect(plugins).toHaveLength(1);
  });
});

describe('the environment', () => {
  it('fills in strings, numbers and defaults', async () => {
    await write(
      'postroad.config.json',
      JSON.stringify({
        hostname: '${NAME}.${DOMAIN:-example.org}',
        plugins: [
          {
            use: './check-list.ts',
            limit: '${LIMIT}',
            zones: ['$${LIMIT}', '${LIMIT}'],
            isStrict: '${STRICT}',
          },
        ],
        listeners: [{ port: '${PORT}', role: 'relay' }],
      }),
    );
    const environment = { NAME: 'mx', LIMIT: '12', PORT: '2525', STRICT: 'true' };
    const { options } = await loadConfig(undefined, directory, environment);
    expect(options.hostname).toBe('mx.example.org');
    expect(options.plugins[0]?.config).toEqual({ limit: 12, zones: ['${LIMIT}', '12'], isStrict: true });
    expect(options.listeners?.[0]?.port).toBe(2525);
  });

  it('misses a variable by name and place', async () => {
    await write('postroad.config.yaml', 'plugins: []\n\nhostname: ${NOWHERE}\n');
    await expect(loadConfig(undefined, directory, {})).rejects.toThrow(
      /postroad\.config\.yaml:3: hostname: the environment variable NOWHERE is not set/,
    );
  });
});

describe('what is wrong', () => {
  it('is told all at once, with file, line, key path and plugin', async () => {
    await write(
      'postroad.config.yaml',
      [
        'hostnam: mx.example.org', // 1
        'plugins:', // 2
        '  - use: ./check-list.ts', // 3
        '    zonez: [bl.example]', // 4
        '    nested: { retrys: 3 }', // 5
        '  - ./nowhere.ts', // 6
        '  - name: ./check-list.ts', // 7
        'listeners:', // 8
        '  - port: 99999', // 9
        '    role: relais', // 10
        'tls: { selfSigned: x }', // 11
      ].join('\n'),
    );
    const failure: unknown = await loadConfig(undefined, directory).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'E_CONFIG' });
    const lines = String((failure as Error).message).split('\n');
    expect(lines[0]).toMatch(/^postroad\.config\.yaml has \d+ problems:$/);
    for (const expected of [
      'postroad.config.yaml: hostname: expected string, received undefined',
      'postroad.config.yaml:1: hostnam: unknown key (did you mean hostname?)',
      'postroad.config.yaml:4: plugins[0].zonez (plugin check-list): unknown key (did you mean zones?)',
      'postroad.config.yaml:5: plugins[0].nested.retrys (plugin check-list): unknown key (did you mean retries?)',
      'postroad.config.yaml:5: plugins[0].nested.retries (plugin check-list): expected number, received undefined',
      `postroad.config.yaml:6: plugins[1]: ${join(directory, 'nowhere.ts')}: there is no such file`,
      "postroad.config.yaml:7: plugins[2]: the key use is missing, which names the plugin's package or path",
      'postroad.config.yaml:9: listeners[0].port: Too big: expected number to be <=65535',
      'postroad.config.yaml:11: tls: expected certificateFile and keyFile, certificates with several of them, or selfSignedDirectory',
    ]) {
      expect(lines).toContain(`  ${expected}`);
    }
    expect(lines.some((line) => line.includes(':10: listeners[0].role: Invalid option'))).toBe(true);
    expect(lines).toHaveLength(11);
  });

  it('names the plugin also in a code file', async () => {
    await write(
      'postroad.config.ts',
      `import { checkList } from './check-list.ts';
       export default { hostname: 'a.example', plugins: [checkList({ zonez: 1 } as never), checkList] };`,
    );
    await expect(loadConfig(undefined, directory)).rejects.toThrow(
      /plugins\[0\]\.zonez \(plugin check-list\): unknown key \(did you mean zones\?\)\n.*plugins\[1\]: this is a plugin without its configuration: call it/,
    );
  });

  it.each([
    ['postroad.config.yaml', 'hostname: a\nplugins: [\n', 'E_CONFIG_FILE', /postroad\.config\.yaml:\d:\d: /],
    ['postroad.config.yaml', 'hostname: a\nhostname: b\n', 'E_CONFIG_FILE', /:2:1: Map keys must be unique/],
    [
      'postroad.config.json',
      '{ "hostname": "a",\n  "plugins": [], }',
      'E_CONFIG_FILE',
      /postroad\.config\.json/,
    ],
    [
      'postroad.config.json',
      '{ "hostname": "a", /* no */ "plugins": [] }',
      'E_CONFIG_FILE',
      /postroad\.config\.json/,
    ],
    ['postroad.config.json', '[]', 'E_CONFIG', /the configuration is not an object/],
    ['postroad.config.ts', 'export const other = 1;', 'E_CONFIG_FILE', /has no default export/],
    ['postroad.config.ts', '\nexport default {{', 'E_PLUGIN_LOAD', /postroad\.config\.ts:2: /],
    [
      'postroad.config.ts',
      'export default () => { throw new Error("oh"); }',
      'E_CONFIG_FILE',
      /its function threw: oh/,
    ],
  ])('%s with %j: %s', async (name, text, code, message) => {
    await write(name, text);
    await expect(loadConfig(undefined, directory)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('is an alias bomb that is not expanded', async () => {
    const layers = Array.from({ length: 9 }, (_, at) => {
      const items = at === 0 ? 'x' : Array.from({ length: 9 }, () => `*a${at - 1}`).join(', ');
      return `a${at}: &a${at} [${items}]`;
    });
    await write('postroad.config.yaml', layers.join('\n'));
    await expect(loadConfig(undefined, directory)).rejects.toMatchObject({ code: 'E_CONFIG_FILE' });
  });

  it('is a file that is not there, or one too many', async () => {
    await expect(loadConfig('nowhere.yaml', directory)).rejects.toThrow(
      /nowhere\.yaml can't be read: there is no such/,
    );
    await expect(loadConfig(undefined, directory)).rejects.toThrow(/there is no configuration in/);
    await write('config.toml', '');
    await expect(loadConfig('config.toml', directory)).rejects.toThrow(/a configuration ends in one of/);
    await write('postroad.config.json', '{}');
    await write('postroad.config.yaml', '');
    await expect(loadConfig(undefined, directory)).rejects.toThrow(/has several configurations/);
  });
});
