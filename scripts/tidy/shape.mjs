// How large files and functions may be, how files are called, and that exports say what they promise.
import { basename } from 'node:path';

const fileLinesMax = 300;
const functionLinesMax = 60;

/** Lists and tables, which are read by looking things up. */
const tables = new Set([
  'core/src/errors.ts',
  'core/src/hooks/table.ts',
  'core/src/index.ts',
  'core/src/testing/index.ts',
]);

const openers = [
  /^(\s*)(?:export )?(?:default )?(?:async )?function\b\*?\s*([\w$]*)/,
  /^(\s*)(?:export )?(?:const|let) ([\w$]+)\b.*=>\s*\{$/,
  /^(\s*)(?:export )?(?:const|let) ([\w$]+)\b.*\($/,
  /^(\s*)(?:static |async |get |set |\*)*([#\w$]+)(?:<.*>)?\(.*\)(?:: .+)? \{$/,
  /^(\s*)(?:static |async |get |set |\*)*([#\w$]+)(?:<.*>)?\($/,
];
const notNames = new Set([
  'if',
  'for',
  'while',
  'switch',
  'catch',
  'return',
  'function',
  'describe',
  'it',
  'expect',
]);

export function checkShape({ sources, report, files }) {
  for (const source of sources) {
    if (!source.path.endsWith('.ts')) continue;
    checkFile(source, report);
    if (source.isTest) continue;
    checkFunctions(source, report);
    checkExports(source, report);
  }
  for (const path of files) checkName(path, report);
}

function checkFile(source, report) {
  const lines = source.lines.length - 1;
  if (lines <= fileLinesMax || tables.has(source.path)) return;
  report(
    'file-lines',
    source.path,
    `a file has at most ${fileLinesMax} lines: give each topic its own`,
    lines,
  );
}

function checkFunctions(source, report) {
  // Contract suites are lists of tests.
  if (source.path.startsWith('core/src/testing/contracts/')) return;
  const lines = source.code.split('\n');
  for (const [at, line] of lines.entries()) {
    const opened = openFunction(line);
    if (opened === undefined) continue;
    const end = endOfFunction(lines, at, opened.indent);
    const length = end - at + 1 - nestedLines(lines, at, end);
    if (length > functionLinesMax) {
      report(
        'function-lines',
        `${source.path}#${opened.name}`,
        `a function has at most ${functionLinesMax} lines: take plain work out of it`,
        length,
      );
    }
  }
}

/** Lines of functions inside: each is read, and measured, by itself. What is left is the length of a closure's own text. */
function nestedLines(lines, from, end) {
  let nested = 0;
  for (let at = from + 1; at < end; at += 1) {
    const opened = openFunction(lines[at]);
    if (opened === undefined) continue;
    const last = Math.min(endOfFunction(lines, at, opened.indent), end);
    nested += last - at;
    at = last;
  }
  return nested;
}

function openFunction(line) {
  for (const opener of openers) {
    const match = opener.exec(line);
    if (match !== null && !notNames.has(match[2]))
      return { indent: match[1].length, name: match[2] || 'anonymous' };
  }
  return undefined;
}

/** The formatter puts the last brace of a body where its first line begins. */
function endOfFunction(lines, from, indent) {
  const isClosing = new RegExp(`^ {${indent}}\\}`);
  const isAtIndent = new RegExp(`^ {0,${indent}}\\S`);
  for (let at = from + 1; at < lines.length; at += 1) {
    const line = lines[at];
    if (isClosing.test(line) && !line.endsWith('{')) return at;
    // `) {` and `): Type {` end a signature of several lines; anything else means that there is no body.
    if (isAtIndent.test(line) && !/^\s*[)>}].*\{$/.test(line)) return from;
  }
  return from;
}

function checkExports(source, report) {
  const { lines, path } = source;
  for (const [at, line] of lines.entries()) {
    const match =
      /^export (?:abstract |async |declare |default )*(?:function\*?|const|class|interface|type) ([\w$]+)/.exec(
        line,
      );
    if (match === null || basename(path) === 'index.ts') continue;
    let above = at - 1;
    while (above >= 0 && /^@|^\)|^ {2}\S/.test(lines[above])) above -= 1;
    // A token or schema may stand right behind the interface that documents it.
    if (lines[above]?.trimEnd().endsWith('*/')) continue;
    // Overloads are documented once.
    if (lines[above]?.startsWith(`export function ${match[1]}(`)) continue;
    report(
      'doc-comment',
      `${path}:${at + 1}`,
      `${match[1]} is exported without a comment that says what it promises`,
    );
  }
}

function checkName(path, report) {
  const name = basename(path);
  if (!/\.(?:ts|mjs|md)$/.test(name) || /^[A-Z]+\.md$/.test(name)) return;
  if (/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.(?:ts|mjs|md)$/.test(name)) return;
  report('file-name', path, 'files are named in kebab-case after their one topic');
}
