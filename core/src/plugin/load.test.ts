import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Clock } from '../services/clock.js';
import { coreVersion } from '../version.js';
import { createModuleLoader, type ModuleLoader } from './load.js';

let directory: string;
let loader: ModuleLoader;

async function write(name: string, text: string): Promise<string> {
  const file = join(directory, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-load-'));
  loader = await createModuleLoader(directory);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const plain = (name: string, more = '') => `
import { definePlugin } from '@postroad/core';
export const ${name} = definePlugin({ name: 'check-${name}', ${more} setup() {} });
`;

describe('a plugin by path', () => {
  it('is loaded from TypeScript without a build step, with the very core that loads it', async () => {
    await write(
      'typed.ts',
      `import { Clock, definePlugin, type TapOptions } from '@postroad/core';
       const options: TapOptions = { order: 'early' };
       export const checkTyped = definePlugin({
         name: 'check-typed', needs: { clock: Clock }, setup({ tap }) { tap('connect', () => undefined, options); },
       });`,
    );
    const plugin = await loader.plugin('./typed.ts');
    expect(plugin.definition.name).toBe('check-typed');
    expect(plugin.definition.needs?.clock).toBe(Clock);
  });

  it.each(['again.ts', 'again.js', 'again.mjs'])('is read afresh by each loader: %s', async (name) => {
    await write('package.json', '{ "type": "module" }');
    await write(name, plain('first'));
    expect((await loader.plugin(`./${name}`)).definition.name).toBe('check-first');
    await write(name, plain('second'));
    expect((await loader.plugin(`./${name}`)).definition.name).toBe('check-first');
    const next = await createModuleLoader(directory);
    expect((await next.plugin(`./${name}`)).definition.name).toBe('check-second');
  });

  it('reads what it imports afresh too', async () => {
    await write('name.ts', `export const name = 'check-one';`);
    await write(
      'importing.ts',
      `import { definePlugin } from '@postroad/core'; import { name } from './name.ts';
       export default definePlugin({ name, setup() {} });`,
    );
    expect((await loader.plugin('./importing.ts')).definition.name).toBe('check-one');
    await write('name.ts', `export const name = 'check-two';`);
    const next = await createModuleLoader(directory);
    expect((await next.plugin('./importing.ts')).definition.name).toBe('check-two');
  });

  it('is run once for all that name or import it', async () => {
    await write(
      'shared.ts',
      `export const shared = { count: 0 };` +
        plain('shared').replace('export const shared', 'export const checkShared'),
    );
    await write('one.ts', `import { shared } from './shared.ts'; shared.count += 1;` + plain('one'));
    await write('two.ts', `import { shared } from './shared.ts'; shared.count += 1;` + plain('two'));
    const own = await createModuleLoader(directory);
    await own.plugin('./one.ts');
    await own.plugin('./two.ts');
    await own.plugin('./two.ts');
    const exports = await own.module(join(directory, 'shared.ts'));
    expect(exports.shared).toEqual({ count: 2 });
  });

  it('is chosen by name when a module exports several', async () => {
    await write('several.ts', plain('a') + plain('b').replace(/import.*\n/, ''));
    expect((await loader.plugin('./several.ts#b')).definition.name).toBe('check-b');
    await expect(loader.plugin('./several.ts')).rejects.toThrow(
      /several plugins; write \.\/several\.ts#a or \.\/several\.ts#b/,
    );
    await expect(loader.plugin('./several.ts#c')).rejects.toThrow(/its plugins are a, b/);
  });
});

describe('a plugin by package name', () => {
  it('is looked up from the directory of the configuration', async () => {
    await write(
      'node_modules/check-installed/package.json',
      '{ "name": "check-installed", "type": "module", "exports": "./index.js" }',
    );
    await write('node_modules/check-installed/index.js', plain('installed'));
    await mkdir(join(directory, 'node_modules/@postroad'), { recursive: true });
    const core = fileURLToPath(new URL('../..', import.meta.url));
    await symlink(core, join(directory, 'node_modules/@postroad/core'));
    expect((await loader.plugin('check-installed')).definition.name).toBe('check-installed');
  });

  it('is told to be missing by its name', async () => {
    await expect(loader.plugin('@example/nowhere')).rejects.toMatchObject({
      code: 'E_PLUGIN_LOAD',
      message: expect.stringContaining('package @example/nowhere was not found'),
    });
  });
});

describe('what can be wrong', () => {
  it.each([
    ['a syntax error', `export const a = 1;\n\nexport default {{;\n`, ':3: '],
    ['a throw', `const a = 1;\n\n\nthrow new Error('no luck');\n`, ':4: no luck'],
    [
      'a missing file',
      `const a = 1;\nimport './nowhere.ts';\n`,
      ':2: it imports ./nowhere.ts, which was not found',
    ],
    ['a missing package', `import 'nowhere-at-all';\n`, ':1: it imports nowhere-at-all, which was not found'],
  ])('%s names file, line and reason', async (_, text, expected) => {
    const file = await write('broken.ts', text);
    await expect(loader.plugin('./broken.ts')).rejects.toMatchObject({
      code: 'E_PLUGIN_LOAD',
      message: expect.stringContaining(file + expected),
    });
  });

  it('a path that is not there', async () => {
    await expect(loader.plugin('./missing.ts')).rejects.toMatchObject({
      code: 'E_PLUGIN_LOAD',
      message: `${join(directory, 'missing.ts')}: there is no such file`,
    });
  });

  it('a module without a plugin', async () => {
    await write('other.ts', `export const check = 1; export default () => undefined;`);
    await expect(loader.plugin('./other.ts')).rejects.toMatchObject({
      code: 'E_PLUGIN_INVALID',
      message: './other.ts: no export is a plugin made by definePlugin (it exports check, default)',
    });
  });

  it('a plugin for another core', async () => {
    await write('future.ts', plain('future', `core: '^99.0.0',`));
    await expect(loader.plugin('./future.ts')).rejects.toMatchObject({
      code: 'E_PLUGIN_INVALID',
      message: `./future.ts: plugin check-future is made for core ^99.0.0; this is ${coreVersion}`,
    });
    await write('vague.ts', plain('vague', `core: 'newest',`));
    await expect(loader.plugin('./vague.ts')).rejects.toThrow(/"newest", which is no range of versions/);
    await write('fit.ts', plain('fit', `core: '^${coreVersion}',`));
    expect((await loader.plugin('./fit.ts')).definition.core).toBe(`^${coreVersion}`);
  });
});
