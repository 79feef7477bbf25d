// The project's files as the rules see them: read once, with comments and strings blanked where a rule asks for code.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const skipped = new Set(['node_modules', 'dist', '.postroad', 'coverage', '.git']);

/** All files under the folders, as paths from the root. */
export function listFiles(root, folders) {
  const found = [];
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (skipped.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) found.push(relative(root, path));
    }
  };
  for (const folder of folders) visit(join(root, folder));
  return found.sort();
}

/** A source file; what is costly is made on first use. */
export function readSource(root, path) {
  return makeSource(path, readFileSync(join(root, path), 'utf8'));
}

/** A source with this text. */
export function makeSource(path, text) {
  let code;
  return {
    path,
    text,
    isTest: /\.test\.(?:kit\.)?ts$/.test(path) || /\/test\//.test(path),
    lines: text.split('\n'),
    /** The text with comments and the contents of strings replaced by blanks; lines stay where they are. */
    get code() {
      code ??= blank(text);
      return code;
    },
    /** What is imported: `{ specifier, isType, line }`. */
    get imports() {
      return readImports(text, this.code);
    },
  };
}

const importPattern =
  /^(?:import|export)\s+(?:(type)\s+)?(\{[^}]*\}|\*(?: as \w+)?|\w+(?:,\s*\{[^}]*\})?)\s*from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;

function readImports(text, code) {
  const imports = [];
  for (const match of text.matchAll(importPattern)) {
    // What only looks like one stands in a string or a comment.
    if (code[match.index] === ' ') continue;
    const [, typeWord, names = '', from, bare, dynamic] = match;
    imports.push({
      specifier: from ?? bare ?? dynamic,
      isType: typeWord !== undefined || areAllTypes(names),
      isDynamic: dynamic !== undefined,
      line: lineAt(text, match.index),
    });
  }
  return imports;
}

function areAllTypes(names) {
  const list = /^\{([\s\S]*)\}$/.exec(names)?.[1];
  if (list === undefined) return false;
  const each = list.split(',').map((name) => name.trim());
  return each.filter((name) => name !== '').every((name) => name.startsWith('type '));
}

/** The line of an offset, counted from 1. */
export function lineAt(text, offset) {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

const beforeRegExp = /(?:^|[=(,:;[!&|?{}+\-*%~^<>]|\breturn|\bcase|\btypeof)\s*$/;

/** Blanks comments, strings and regular expressions; code within `${}` stays. */
function blank(text) {
  let out = '';
  let at = 0;
  // Depth of braces at which each open template's `${` ends.
  const templates = [];
  let depth = 0;
  const hide = (end) => {
    out += text.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  while (at < text.length) {
    const char = text[at];
    if (char === '/' && text[at + 1] === '/') hide(endOf(text, '\n', at));
    else if (char === '/' && text[at + 1] === '*') hide(endOf(text, '*/', at + 2) + 2);
    else if (char === "'" || char === '"') hide(endOfString(text, at, char));
    else if (char === '/' && beforeRegExp.test(out.slice(-40))) hide(endOfRegExp(text, at));
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop();
      const end = endOfTemplate(text, at + 1);
      hide(end);
      if (text[end - 1] === '{') templates.push(depth);
    } else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      out += char;
      at += 1;
    }
  }
  return out;
}

function endOf(text, what, from) {
  const end = text.indexOf(what, from);
  return end === -1 ? text.length : end;
}

function endOfString(text, from, quote) {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote || text[at] === '\n') return at + 1;
  }
  return text.length;
}

/** Behind the closing backtick, or behind the `${` of the next piece of code. */
function endOfTemplate(text, from) {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '`') return at + 1;
    else if (text[at] === '$' && text[at + 1] === '{') return at + 2;
  }
  return text.length;
}

function endOfRegExp(text, from) {
  let isInClass = false;
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (char === '\n') return from + 1;
    else if (char === '[') isInClass = true;
    else if (char === ']') isInClass = false;
    else if (char === '/' && !isInClass) return at + 1;
  }
  return from + 1;
}
