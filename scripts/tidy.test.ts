import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Source {
  readonly path: string;
  readonly code: string;
}
interface Report {
  readonly rule: string;
  readonly place: string;
}
type Check = (project: object) => void;

const load = async (name: string) => import(new URL(`tidy/${name}.mjs`, import.meta.url).href);
const { makeSource } = (await load('source')) as { makeSource(path: string, text: string): Source };
const { checkDependencies } = (await load('dependencies')) as { checkDependencies: Check };
const { checkShape } = (await load('shape')) as { checkShape: Check };
const { checkCalls } = (await load('calls')) as { checkCalls: Check };
const { checkStandards } = (await load('documents')) as { checkStandards: Check };

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'postroad-tidy-'));
  mkdirSync(join(root, 'plugins', 'check-it'), { recursive: true });
  mkdirSync(join(root, 'docs'));
  const manifest = { name: '@postroad/check-it', dependencies: { zod: '1' } };
  writeFileSync(join(root, 'plugins', 'check-it', 'package.json'), JSON.stringify(manifest));
});

afterAll(() => rmSync(root, { recursive: true }));

function run(check: Check, files: Readonly<Record<string, string>>): readonly string[] {
  const found: Report[] = [];
  const report = (rule: string, place: string) => found.push({ rule, place });
  const sources = Object.entries(files).map(([path, text]) => makeSource(path, text));
  check({ root, sources, files: Object.keys(files), documents: [], report });
  return found.map(({ rule, place }) => `${rule} ${place}`);
}

describe('code', () => {
  it('is what is no comment, string or regular expression', () => {
    const text =
      "const a = 'Date.now()'; // Date.now()\n/* Date.now() */ b = /Date.now()'/; c = `x ${Date.now()} y`;";
    const { code } = makeSource('a.ts', text);
    expect(code).toHaveLength(text.length);
    expect(code.split('Date.now()')).toHaveLength(2);
    expect(code.indexOf('Date.now()')).toBe(text.lastIndexOf('Date.now()'));
  });
});

describe('dependencies', () => {
  it('go downward, except for types and tests', () => {
    expect(
      run(checkDependencies, {
        'core/src/values/up.ts': `import { x } from '../stages/x.js';`,
        'core/src/values/type.ts': `import type { X } from '../stages/x.js';\nimport { type Y } from '../mta.js';`,
        'core/src/values/a.test.ts': `import { x } from '../stages/x.js';`,
        'core/src/stages/down.ts': `import { x } from '../values/x.js';`,
        'core/src/novel/a.ts': `import { x } from '../values/x.js';`,
      }),
    ).toEqual(['layer core/src/values/up.ts:1', 'layer core/src/novel/a.ts:1']);
  });

  it('go one way within the folder of SMTP, for types too', () => {
    const files = {
      'core/src/smtp/session.ts': `import { run } from './run.js';`,
      'core/src/smtp/run.ts': `import { say } from './say.js';\nimport type { Talk } from './talk.js';`,
      'core/src/smtp/say.ts': `import type { Talk } from './talk.js';`,
      'core/src/smtp/talk.ts': `import { x } from '../values/x.js';`,
      'core/src/smtp/talk.test.ts': `import { x } from './session.js';`,
    };
    expect(run(checkDependencies, files)).toEqual([]);
    const broken = { ...files, 'core/src/smtp/talk.ts': `import type { Session } from './session.js';` };
    expect(run(checkDependencies, broken)).toHaveLength(4);
  });

  it('reach an outside package through one file, and never a plugin', () => {
    expect(
      run(checkDependencies, {
        'core/src/config/a.ts': `import { z } from 'zod';\nimport fs from 'node:fs';`,
        'core/src/config/b.ts': `const z = await import('zod');`,
        'core/src/config/c.ts': `import { authFile } from '@postroad/auth-file';`,
        'core/src/config/d.ts': "const code = `\nimport { authFile } from '@postroad/auth-file';\n`;",
      }),
    ).toEqual([
      'core-imports-plugin core/src/config/c.ts:1',
      'one-importer core/src/config/a.ts, core/src/config/b.ts',
    ]);
  });

  it('of a plugin are the core and what its package.json names', () => {
    expect(
      run(checkDependencies, {
        'plugins/check-it/src/a.ts': `import { a } from '@postroad/core';\nimport { z } from 'zod';\nimport './b.js';`,
        'plugins/check-it/src/b.ts': `import { b } from '@postroad/core/testing';`,
        'plugins/check-it/src/c.ts': `import { c } from '@postroad/auth-file';`,
        'plugins/check-it/src/d.ts': `import pino from 'pino';`,
        'plugins/check-it/src/e.ts': `import { e } from '../../auth-file/src/e.js';`,
        'plugins/check-it/test/f.test.ts': `import '@postroad/core/testing';\nimport '@postroad/check-it';\nimport 'vitest';`,
        'engines/some/src/testing/a.ts': `import '@postroad/core/testing';`,
      }),
    ).toEqual(['b', 'c', 'd', 'e'].map((name) => `plugin-imports plugins/check-it/src/${name}.ts:1`));
  });
});

describe('shape', () => {
  const body = (lines: number, indent = 2) => `${' '.repeat(indent)}a();\n`.repeat(lines);

  it('limits files and functions', () => {
    expect(
      run(checkShape, {
        'core/src/values/long.ts': 'a();\n'.repeat(301),
        'core/src/values/fit.ts': `function fit() {\n${body(58)}}\n`,
        'core/src/values/one.ts': `function one() {\n${body(59)}}\n`,
        'core/src/values/two.ts': `const two = async (\n  a: string,\n): Promise<void> => {\n${body(60)}};\n`,
        'core/src/values/three.ts': `class A {\n  three(\n    a: string,\n  ): void {\n${body(60, 4)}  }\n}\n`,
        'core/src/values/factory.ts': `function factory() {\n  return {\n    a() {\n${body(50, 6)}    },\n    b() {\n${body(50, 6)}    },\n  };\n}\n`,
        'core/src/values/four.ts': `function four(\n  a: { b: string },\n): { c: string } {\n${body(60)}}\n`,
      }),
    ).toEqual([
      'file-lines core/src/values/long.ts',
      'function-lines core/src/values/one.ts#one',
      'function-lines core/src/values/two.ts#two',
      'function-lines core/src/values/three.ts#three',
      'function-lines core/src/values/four.ts#four',
    ]);
  });

  it('asks for a comment on each export, and for kebab-case', () => {
    expect(
      run(checkShape, {
        'core/src/values/a.ts': '/** A. */\nexport const a = 1;\n\nexport function b() {}\n',
        'core/src/values/camelCase.ts': '',
      }),
    ).toEqual(['doc-comment core/src/values/a.ts:4', 'file-name core/src/values/camelCase.ts']);
  });
});

describe('calls', () => {
  it('of time, chance and exit are banned where they are not at home', () => {
    expect(
      run(checkCalls, {
        'core/src/a.ts': `Date.now();\nsetTimeout(f, 1);\nclock.setTimeout(f);\nMath.random();\nprocess.exit(1);\nx as any;\n`,
        'core/src/services/system-clock.ts': 'Date.now(); setTimeout(f, 1);',
        'examples/relay/src/main.ts': 'process.exit(1);',
        'core/src/a.test.ts': 'setTimeout(f, 1);',
        'core/src/b.ts': 'try {} catch {}\ntry {} catch {\n  // because\n}\n',
      }),
    ).toEqual([
      'date-now core/src/a.ts:1',
      'timer core/src/a.ts:2',
      'math-random core/src/a.ts:4',
      'process-exit core/src/a.ts:5',
      'as-any core/src/a.ts:6',
      'empty-catch core/src/b.ts:1',
    ]);
  });

  it('of instanceof are banned for classes of other packages', () => {
    expect(
      run(checkCalls, {
        'core/src/errors.ts':
          '/** */ export class MailError extends Error {}\nclass Own {}\na instanceof Own;\n',
        'plugins/a/src/a.ts': 'e instanceof MailError;\ne instanceof Error;\n',
      }),
    ).toEqual(['instanceof plugins/a/src/a.ts:1']);
  });
});

describe('standards', () => {
  it('have a row for each RFC that is named, sorted, with a status', () => {
    writeFileSync(
      join(root, 'docs', 'standards.md'),
      '| 5321 | SMTP | yes | a | |\n| 1939 | POP3 | yes | a | |\n| 2033 | LMTP | maybe | a | |\n',
    );
    expect(
      run(checkStandards, { 'a.ts': '// RFC 5321\n// RFC 3501 section 6\nconst a = "RFC822";' }),
    ).toEqual(['standards docs/standards.md:2', 'standards docs/standards.md:3', 'standards a.ts:2']);
  });
});
