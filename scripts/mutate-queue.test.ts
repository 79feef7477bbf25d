import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Mutation {
  readonly name: string;
  readonly file: string;
}
interface Kit {
  copyCore(): { readonly dist: string; remove(): void };
  mutated(text: string, mutation: Mutation): string;
  tryMutation(dist: string, mutation: Mutation, seeds: number): Promise<{ readonly what?: string }>;
}
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const load = async (): Promise<Kit & { readonly mutations: readonly Mutation[] }> => ({
  ...((await import(join(root, 'scripts', 'mutate-queue.mjs'))) as Kit),
  ...((await import(join(root, 'scripts', 'mutations', 'mutations.mjs'))) as { mutations: Mutation[] }),
});

it('breaks what is there, and the simulation notices', async () => {
  const { copyCore, mutated, mutations, tryMutation } = await load();
  for (const one of mutations) {
    const right = readFileSync(join(root, 'core', 'dist', one.file), 'utf8');
    expect(mutated(right, one)).not.toBe(right);
    expect(() => mutated('', one)).toThrow(one.name);
  }
  const late = mutations.find(({ name }) => name === 'tries late in the lease') as Mutation;
  const core = copyCore();
  try {
    expect((await tryMutation(core.dist, late, 20)).what).toMatch(/was given up after \d+ ms$/);
  } finally {
    core.remove();
  }
});
