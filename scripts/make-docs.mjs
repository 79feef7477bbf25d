// Makes docs/hooks.md and docs/errors.md from the tables of the built core, and docs/plugins.md from what the packages
// say of themselves. Run it after changing a table or adding a plugin; `tidy` says when it is due.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const note = '<!-- Made by scripts/make-docs.mjs: change the table in the code instead. -->';

const kinds = {
  decide:
    'Taps are asked one after another; the first answer that is not `undefined` ends it, and the later ones are not asked.',
  gather: 'All taps are asked at once under one deadline; the results come in tap order.',
  transform:
    'One tap after another gets the value of the one before and returns a new one, or `undefined` to leave it.',
  observe: 'All taps are told at once, after the outcome is fixed. They can change nothing.',
};

const failures = {
  decide:
    "the decision is deferred (451 4.3.0) and logged with plugin and hook; with `onError: 'skip'` as if the tap had not answered",
  gather: 'that finding is `{ error }`; the `message` hook decides what it means',
  transform:
    "the message is deferred (451 4.3.0) and logged; with `onError: 'skip'` the value stays as it was",
  observe: 'logged and counted',
};

const undecided = {
  accept: 'accepted',
  refuse: 'refused',
  default: 'the core does as it does by default',
};

/** What the families of plugins are for, in the order in which a message meets them. */
const families = {
  access: 'reading mail, and what clients need to be set up',
  auth: 'who may log in',
  check: 'what is taken, and what is known of it',
  sign: 'proof for what is sent',
  route: 'where a recipient goes next',
  queue: 'where waiting messages are kept',
  deliver: 'how a message goes on',
  store: 'where mailboxes are kept',
  observe: 'telling others what happens',
  adapt: 'filters and plugins made for other servers',
};

/** Path and text of each document that is made. */
export async function makeDocs(root) {
  const built = (path) => import(pathToFileURL(join(root, 'core', 'dist', path)).href);
  const [{ hookTable }, { errorCodes }] = await Promise.all([built('hooks/table.js'), built('errors.js')]);
  const types = readTypes(readFileSync(join(root, 'core', 'src', 'hooks', 'table.ts'), 'utf8'));
  return new Map([
    ['docs/hooks.md', hooksDocument(hookTable, types)],
    ['docs/errors.md', errorsDocument(errorCodes)],
    ['docs/plugins.md', pluginsDocument(root)],
  ]);
}

/** The types of the interface `HookTable`, by hook, on one line each. */
function readTypes(source) {
  const body = /export interface HookTable \{\n([\s\S]*?)\n\}/.exec(source)?.[1] ?? '';
  const types = new Map();
  for (const entry of body.replace(/^\s*\/\/.*$/gm, '').split(/;\s*(?:\n|$)/)) {
    const match = /^\s*(\w+):\s*([\s\S]+)$/.exec(entry);
    if (match !== null)
      types.set(match[1], match[2].replace(/\s+/g, ' ').replace(/< /g, '<').replace(/,? >/g, '>').trim());
  }
  return types;
}

function hooksDocument(table, types) {
  const names = Object.keys(table);
  const stages = [...new Set(names.map((name) => table[name].stage))];
  return [
    '# Hooks',
    '',
    note,
    '',
    'Every place where a plugin can take part, in the order in which a message meets them. A tap gets the inputs, then an `AbortSignal` that aborts at its deadline. See [Write a plugin](write-a-plugin.md).',
    '',
    '## The four kinds',
    '',
    '| kind | how it runs | when a tap throws or is late |',
    '|---|---|---|',
    ...Object.keys(kinds).map((kind) => `| ${kind} | ${kinds[kind]} | ${failures[kind]} |`),
    '',
    "Order: taps with `order: 'early'`, then the others, then `order: 'late'`; within each, `after: ['plugin']`, then the order of the composition. `postroad explain` prints it. A hook that nobody taps costs one comparison.",
    '',
    "Scope: `listener` hooks also run the taps of the listener's own plugins; `mta` hooks only those of the whole server.",
    '',
    '## All hooks',
    '',
    '| hook | stage | kind | purpose |',
    '|---|---|---|---|',
    ...names.map(
      (name) =>
        `| [${name}](#${name.toLowerCase()}) | ${table[name].stage} | ${table[name].kind} | ${table[name].purpose} |`,
    ),
    '',
    `By stage: ${stages.map((stage) => `*${stage}* ${names.filter((name) => table[name].stage === stage).join(', ')}`).join('; ')}.`,
    ...names.flatMap((name, at) =>
      hookSection(name, table[name], types.get(name), names[at - 1], names[at + 1]),
    ),
    '',
  ].join('\n');
}

function hookSection(name, row, type = '', previous, next) {
  const { input, result } = splitType(row.kind, type);
  const link = (other) => (other === undefined ? '–' : `[${other}](#${other.toLowerCase()})`);
  return [
    '',
    `## ${name}`,
    '',
    row.purpose,
    '',
    '|  |  |',
    '|---|---|',
    `| type | \`${escapeCell(type)}\` |`,
    `| kind | ${row.kind} |`,
    `| stage | ${row.stage} |`,
    `| scope | ${row.scope} |`,
    `| input | ${input.map((one) => `\`${escapeCell(one)}\``).join(', ')} |`,
    `| result | ${result === undefined ? 'none' : `\`${escapeCell(result)}\``} |`,
    `| previous | ${link(previous)} |`,
    `| next | ${link(next)} |`,
    `| undecided | ${undecided[row.undecided] ?? '–'} |`,
    `| on failure | ${failures[row.kind]} |`,
    `| deadline | ${row.timeoutMs / 1_000} s for all taps together |`,
  ];
}

/** What a tap gets and what it gives. */
function splitType(kind, type) {
  const inner = /^\w+<([\s\S]*)>$/.exec(type)?.[1] ?? '';
  const parts = splitTop(inner, ',');
  const tuple = (text = '[]') =>
    splitTop(text.trim().replace(/^\[|\]$/g, ''), ',').map((part) => part.trim());
  switch (kind) {
    case 'transform':
      return {
        input: [...tuple(parts[1]), `value: ${parts[0]?.trim()}`],
        result: `${parts[0]?.trim()} | undefined`,
      };
    case 'observe':
      return { input: tuple(parts[0]), result: undefined };
    case 'gather':
      return {
        input: tuple(parts[0]),
        result: `${parts[1]?.trim()} | readonly ${parts[1]?.trim()}[] | undefined`,
      };
    default:
      return { input: tuple(parts[0]), result: `${parts[1]?.trim()} | undefined` };
  }
}

/** Splits at a separator that is not within brackets. */
function splitTop(text, separator) {
  const parts = [''];
  let depth = 0;
  for (const char of text) {
    if ('<[({'.includes(char)) depth += 1;
    if ('>])}'.includes(char)) depth -= 1;
    if (char === separator && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts.filter((part) => part.trim() !== '');
}

function escapeCell(text) {
  return text.replaceAll('|', '\\|');
}

function errorsDocument(codes) {
  return [
    '# Errors',
    '',
    note,
    '',
    "Every error of the framework is a `MailError` with one of these codes. Recognise it with `isMailError(error, 'E_...')`. Its message is for the log and for whoever runs the server; what a peer sees is in its `reply`, and names nothing of ours. The exit statuses of the command `postroad` are in [Run it](run-it.md#exit-statuses).",
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.keys(codes)
      .sort()
      .map((code) => `| \`${code}\` | ${codes[code]} |`),
    '',
  ].join('\n');
}

function pluginsDocument(root) {
  const all = readdirSync(join(root, 'plugins'))
    .sort()
    .filter((folder) => existsSync(join(root, 'plugins', folder, 'package.json')))
    .map((folder) => {
      const { name, description } = JSON.parse(
        readFileSync(join(root, 'plugins', folder, 'package.json'), 'utf8'),
      );
      return { folder, name, description, family: folder.split('-')[0] };
    });
  const known = Object.keys(families);
  const others = [...new Set(all.map(({ family }) => family))].filter((family) => !known.includes(family));
  return [
    '# Plugins',
    '',
    note.replace('change the table in the code', 'change the package.json of the plugin'),
    '',
    'Every plugin in this repository. Its README has options, hooks, tokens and RFCs. To make one of your own, see [Write a plugin](write-a-plugin.md).',
    ...[...known, ...others].flatMap((family) =>
      familySection(
        family,
        all.filter((plugin) => plugin.family === family),
      ),
    ),
    '',
  ].join('\n');
}

function familySection(family, plugins) {
  if (plugins.length === 0) return [];
  const purpose = families[family] === undefined ? '' : `: ${families[family]}`;
  return [
    '',
    `## ${family}${purpose}`,
    '',
    '| package | purpose |',
    '|---|---|',
    ...plugins.map(
      ({ folder, name, description }) =>
        `| [${name}](../plugins/${folder}/README.md) | ${escapeCell(description ?? '')} |`,
    ),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  for (const [path, text] of await makeDocs(root)) writeFileSync(join(root, path), text);
}
