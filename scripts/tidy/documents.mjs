// That what is documented is there, and what is there is documented.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { lineAt } from './source.mjs';

const statuses = new Set(['yes', 'partial', 'no']);

export async function checkDocuments(project) {
  checkStandards(project);
  checkWorkspace(project);
  checkLinks(project);
  await checkGenerated(project);
  await checkPlugins(project);
}

/** Every RFC that code or documents name has its row. */
export function checkStandards({ root, sources, report }) {
  const path = 'docs/standards.md';
  const rows = new Map();
  let before = 0;
  for (const [at, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
    const cells = /^\| *(\d+) *\|/.test(line) ? line.split('|').map((cell) => cell.trim()) : undefined;
    if (cells === undefined) continue;
    const number = Number(cells[1]);
    const place = `${path}:${at + 1}`;
    if (!statuses.has(cells[3]))
      report('standards', place, `RFC ${number}: the status is yes, partial or no`);
    if (rows.has(number)) report('standards', place, `RFC ${number} has two rows: make them one`);
    else if (number < before) report('standards', place, `RFC ${number}: rows are sorted by number`);
    before = number;
    rows.set(number, cells);
  }
  const missing = new Map();
  for (const source of sources) {
    for (const match of source.text.matchAll(/\bRFC (\d{3,5})\b/g)) {
      const number = Number(match[1]);
      if (rows.has(number) || missing.has(number)) continue;
      missing.set(number, `${source.path}:${lineAt(source.text, match.index)}`);
    }
  }
  for (const [number, place] of missing)
    report('standards', place, `RFC ${number} has no row in ${path}: add one`);
}

/** Every package is built with the rest. */
function checkWorkspace({ root, report }) {
  const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const known = new Set(references.map(({ path }) => path.replace(/^\.\//, '')));
  for (const group of ['engines', 'plugins', 'examples']) {
    for (const name of readdirSync(join(root, group))) {
      const folder = `${group}/${name}`;
      if (!existsSync(join(root, folder, 'tsconfig.json')) || known.has(folder)) continue;
      report('references', folder, 'add it to the references of tsconfig.json');
    }
  }
}

/** Links between documents lead somewhere. */
function checkLinks({ root, documents, report }) {
  for (const { path, text } of documents) {
    const prose = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, (code) => code.replace(/[^\n]/g, ' '));
    for (const match of prose.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(match[1]) || existsSync(join(root, dirname(path), match[1]))) continue;
      report('link', `${path}:${lineAt(text, match.index)}`, `${match[1]} is not there`);
    }
  }
}

async function checkGenerated({ root, report }) {
  const { makeDocs } = await import('../make-docs.mjs');
  for (const [path, text] of await makeDocs(root)) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    report('generated', path, 'is out of date: run `node scripts/make-docs.mjs`');
  }
}

/** Every plugin has a README that names each of its options. */
async function checkPlugins({ root, report }) {
  const folders = readdirSync(join(root, 'plugins')).map((name) => `plugins/${name}`);
  await Promise.all(
    folders.map(async (folder) => {
      const readme = join(root, folder, 'README.md');
      if (!existsSync(readme)) {
        report(
          'plugin-readme',
          folder,
          'every plugin has a README.md: purpose, options, hooks, tokens, RFCs',
        );
        return;
      }
      const text = readFileSync(readme, 'utf8');
      const entry = join(root, folder, 'dist', 'index.js');
      if (!existsSync(entry)) return;
      const exported = await import(pathToFileURL(entry).href);
      for (const plugin of Object.values(exported)) {
        if (typeof plugin !== 'function' || typeof plugin.definition?.setup !== 'function') continue;
        checkReadme(`${folder}/README.md`, text, plugin.definition, report);
      }
    }),
  );
}

function checkReadme(path, text, { name, config }, report) {
  for (const key of optionKeys(config)) {
    if (new RegExp(`\`${key}\\b`).test(text)) continue;
    report('plugin-readme', path, `the option ${key} of ${name} is not in its table of options`);
  }
}

function optionKeys(config) {
  let schema;
  try {
    schema = config?.['~standard'].jsonSchema?.input({ target: 'draft-2020-12' });
  } catch {
    return []; // A schema that JSON Schema can't say tells no keys.
  }
  const parts = [schema, ...(schema?.anyOf ?? []), ...(schema?.oneOf ?? [])];
  return [...new Set(parts.flatMap((part) => Object.keys(part?.properties ?? {})))];
}
