// Breaks the queue on purpose, one thing at a time, and shows that its simulations notice: `node scripts/mutate-queue.mjs
// [PART OF A NAME]` after a build. Exits with 1 when something goes unnoticed, or when the unbroken queue does not pass.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutations } from './mutations/mutations.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const runner = join(root, 'scripts', 'mutations', 'run-seeds.mjs');
/** Seeds that a simulation has to notice it, and the time for them. */
const seedsMax = 300;
const timeoutMs = 120_000;

/** A copy of the built core in which files can be broken, where its packages are found. */
export function copyCore() {
  const cache = join(root, 'core', 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'mutations-'));
  const dist = join(folder, 'dist');
  cpSync(join(root, 'core', 'dist'), dist, {
    recursive: true,
    filter: (path) => !/\.(test\.js|d\.ts|map)$/.test(path),
  });
  // Its package.json says that these files are modules.
  cpSync(join(root, 'core', 'package.json'), join(folder, 'package.json'));
  return { dist, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The text of the file with the mutation in it. Throws when its place is not there exactly once. */
export function mutated(text, { name, file, from, to }) {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${name}: ${file} has its text ${parts.length - 1} times: ${from}`);
  return parts.join(to);
}

/** What a simulation of this core notices. */
export function play(dist, kind, seeds) {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [runner, dist, kind, String(seeds)],
      { timeout: timeoutMs },
      (error, stdout) => {
        if (error === null) resolve(JSON.parse(stdout));
        else reject(new Error(`the simulation did not come to an end: ${error.message}`));
      },
    );
  });
}

/** What is noticed of one mutation. */
export async function tryMutation(dist, mutation, seeds = seedsMax) {
  const path = join(dist, mutation.file);
  const right = readFileSync(path, 'utf8');
  writeFileSync(path, mutated(right, mutation));
  try {
    return await play(dist, mutation.by, seeds);
  } finally {
    writeFileSync(path, right);
  }
}

async function main(part = '') {
  const core = copyCore();
  let unnoticed = 0;
  const say = (name, { seed, what }, isRight) => {
    if (!isRight) unnoticed++;
    const noticed = seed === null ? (what ?? 'not noticed') : `seed ${String(seed).padStart(3)}: ${what}`;
    console.log(`${isRight ? 'ok ' : 'BAD'}  ${name.padEnd(45)}  ${noticed}`);
  };
  try {
    for (const kind of ['queue', 'nodes', 'shares']) {
      const found = await play(core.dist, kind, 20);
      say(`unbroken (${kind})`, found, found.seed === null);
    }
    for (const mutation of mutations.filter(({ name }) => name.includes(part))) {
      const found = await tryMutation(core.dist, mutation).catch((error) => ({
        seed: null,
        what: error.message,
      }));
      say(mutation.name, found, found.isPromise === true);
    }
  } finally {
    core.remove();
  }
  process.exitCode = unnoticed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]);
