// The rules of the project that a compiler does not know, as tests: directions of dependency, sizes, banned calls,
// complete documents. What broke a rule before the rule came stands in tidy-exceptions.json, which may only shrink:
// `node scripts/tidy.mjs --shrink` takes out what is mended.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkCalls } from './tidy/calls.mjs';
import { checkDependencies } from './tidy/dependencies.mjs';
import { checkDocuments } from './tidy/documents.mjs';
import { checkShape } from './tidy/shape.mjs';
import { listFiles, readSource } from './tidy/source.mjs';

const exceptionsFile = 'scripts/tidy-exceptions.json';
const folders = ['core', 'engines', 'plugins', 'examples', 'docs', 'scripts', 'bench'];

/** What is broken: `{ rule, place, advice, size }`, and the exceptions that are not needed any more. */
export async function tidy(root, exceptions) {
  const files = listFiles(root, folders);
  const sources = files.filter((path) => path.endsWith('.ts')).map((path) => readSource(root, path));
  const documents = [...files, 'README.md', 'CONTRIBUTING.md']
    .filter((path) => path.endsWith('.md'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  const found = [];
  const report = (rule, place, advice, size) => found.push({ rule, place, advice, size });
  const project = { root, files, sources, documents, report };
  checkDependencies(project);
  checkShape(project);
  checkCalls(project);
  await checkDocuments(project);
  return weigh(found, exceptions);
}

/** Takes the known exceptions away; a size may not grow beyond the one that is known. */
function weigh(found, exceptions) {
  const used = {};
  const broken = [];
  for (const one of found) {
    const key = one.place.replace(/:\d+$/, '');
    const known = exceptions[one.rule]?.[key];
    const amount = one.size ?? (used[one.rule]?.[key] ?? 0) + 1;
    if (known === undefined || amount > known) broken.push(one);
    if (known === undefined) continue;
    used[one.rule] ??= {};
    used[one.rule][key] = Math.min(amount, known);
  }
  return { broken, used };
}

async function main() {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const exceptions = JSON.parse(readFileSync(join(root, exceptionsFile), 'utf8'));
  const { broken, used } = await tidy(root, exceptions);
  const isSame = JSON.stringify(sorted(used)) === JSON.stringify(sorted(exceptions));
  if (process.argv.includes('--shrink')) {
    writeFileSync(join(root, exceptionsFile), `${JSON.stringify(sorted(used), undefined, 2)}\n`);
  } else if (!isSame && broken.length === 0) {
    console.log(`Some of ${exceptionsFile} is mended: run \`node scripts/tidy.mjs --shrink\`.`);
  }
  for (const { rule, place, advice, size } of broken) {
    console.error(`${place}: ${advice}${size === undefined ? '' : ` (now ${size})`} [${rule}]`);
  }
  if (broken.length > 0) process.exitCode = 1;
}

function sorted(value) {
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
