/** The TypeScript in the documents compiles, against the packages as their users get them. */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** In the workspace, so that the packages are found. */
const cache = join(root, 'node_modules', '.cache');
const projects: string[] = [];

afterEach(() => {
  for (const project of projects.splice(0)) rmSync(project, { recursive: true, force: true });
});

/** The blocks of a document, each at the lines where it stands there. */
function readBlocks(text: string): readonly string[] {
  const blocks: string[] = [];
  for (const match of text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
    const linesBefore = text.slice(0, match.index).split('\n').length;
    blocks.push(`${'\n'.repeat(linesBefore)}${match[1]}\nexport {};\n`);
  }
  return blocks;
}

/** Compiles all blocks at once; gives the compiler's messages with the documents' names and lines. */
function compile(documents: Readonly<Record<string, string>>): readonly string[] {
  mkdirSync(cache, { recursive: true });
  const project = mkdtempSync(join(cache, 'docs-'));
  projects.push(project);
  // Schemas are the plugin's own dependency, so the workspace's root does not have it.
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(join(root, 'core', 'node_modules', 'zod'), join(project, 'node_modules', 'zod'));
  const names = new Map<string, string>();
  for (const [path, text] of Object.entries(documents)) {
    for (const [at, block] of readBlocks(text).entries()) {
      const name = `${path.replace(/\W+/g, '-')}-${at}.ts`;
      names.set(name, path);
      writeFileSync(join(project, name), block);
    }
  }
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      composite: false,
      incremental: false,
      declaration: false,
      noEmit: true,
      rootDir: '/',
      tsBuildInfoFile: null,
    },
    include: ['*.ts'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const ended = spawnSync(process.execPath, [compiler, '-p', project, '--pretty', 'false'], {
    cwd: project,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const messages = ended.stdout.split('\n').filter((line) => line !== '');
  if (ended.status !== 0 && messages.length === 0) messages.push(ended.stderr);
  return messages.map((line) =>
    line.replace(/^([\w-]+\.ts)\((\d+),/, (_, name: string, at: string) => `${names.get(name)}:${at} (`),
  );
}

function documentsOfProject(): Readonly<Record<string, string>> {
  const files = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, 'docs', name));
  return Object.fromEntries(
    [...files, join(root, 'README.md')].map((file) => [relative(root, file), readFileSync(file, 'utf8')]),
  );
}

describe('code in documents', () => {
  it('compiles', { timeout: 120_000 }, () => {
    const documents = documentsOfProject();
    expect(Object.values(documents).flatMap(readBlocks).length).toBeGreaterThan(10);
    expect(compile(documents)).toEqual([]);
  });

  it('that does not is told with the line of the document', { timeout: 120_000 }, () => {
    const text = [
      '# A guide',
      '',
      '```ts',
      "import { definePlugin } from '@postroad/core';",
      "definePlugin({ name: 'a', setup: ({ tap }) => tap('conect', () => undefined) });",
      '```',
    ].join('\n');
    expect(compile({ 'docs/guide.md': text })).toEqual([
      expect.stringMatching(/^docs\/guide\.md:5 .*"conect"/),
    ]);
  });
});
