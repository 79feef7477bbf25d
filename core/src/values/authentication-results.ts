/** `Authentication-Results` and its like: what was found out about who says a message, as a header field (RFC 8601). */
import { foldFieldValue } from './fold-field.js';

/** One result: `spf=pass smtp.mailfrom=example.org`. */
export interface MethodResult {
  /** Such as `spf`, `dkim`, `dmarc`, `arc`, `iprev`. */
  readonly method: string;
  /** A result word of RFC 8601 section 2.7. */
  readonly result: string;
  /** In words; becomes a comment. */
  readonly comment?: string;
  /** What the result is about, as `header.d`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A field that was read. */
export interface ParsedAuthenticationResults {
  /** Who says so (the authserv-id), in lower case. */
  readonly authservId: string;
  readonly results: readonly MethodResult[];
}

/** Octets of a field that are looked at, and results that are kept; what comes after is nobody's. */
const fieldOctetsMax = 65_536;
const resultsMax = 100;

/** The value of a field. What can't stand in it as a token is quoted; what could end the field is taken out. */
export function formatAuthenticationResults(authservId: string, results: readonly MethodResult[]): string {
  if (results.length === 0) return `${authservId}; none`;
  return [authservId, ...results.map(formatResult)].join(';\r\n\t');
}

function formatResult({ method, result, comment, properties = {} }: MethodResult): string {
  const parts = [`${method}=${result}`];
  if (comment !== undefined && comment !== '') parts.push(`(${plain(comment).replace(/[\\()]/g, '\\$&')})`);
  for (const [name, value] of Object.entries(properties)) parts.push(`${name}=${formatValue(value)}`);
  return foldFieldValue(parts.join(' '));
}

/** RFC 8601 section 2.2: a token, an address, or a quoted string. */
function formatValue(value: string): string {
  const clean = plain(value);
  if (/^[\w.!#$%&'*+\-/^`{|}~@\u0080-\u{10ffff}]+$/u.test(clean)) return clean;
  return `"${clean.replace(/["\\]/g, '\\$&')}"`;
}

function plain(text: string): string {
  return text
    .replace(/[\u0000-\u0020\u007f]+/g, ' ')
    .trim()
    .slice(0, 500);
}

/** Reads the value of a field; `undefined` when it is none, however hard one looks. */
export function parseAuthenticationResults(value: string): ParsedAuthenticationResults | undefined {
  const [first, ...rest] = parts(value.slice(0, fieldOctetsMax));
  const authservId = unquote(/^\s*("(?:[^"\\]|\\.)*"|[^\s;]+)/.exec(first ?? '')?.[1] ?? '').toLowerCase();
  if (authservId === '') return undefined;
  const results: MethodResult[] = [];
  for (const part of rest.slice(0, resultsMax)) {
    const result = parseResult(part);
    if (result !== undefined) results.push(result);
  }
  return { authservId, results };
}

function parseResult(part: string): MethodResult | undefined {
  const head = /^\s*([a-z0-9-]+)(?:\s*\/\s*\d+)?\s*=\s*([a-z0-9-]+)/i.exec(part);
  if (head === null) return undefined;
  const properties: Record<string, string> = {};
  const rest = part.slice(head[0].length);
  for (const found of rest.matchAll(/([a-z0-9-]+)\s*\.\s*([a-z0-9-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]+)/gi)) {
    properties[`${found[1]}.${found[2]}`.toLowerCase()] = unquote(found[3] ?? '');
  }
  return {
    method: (head[1] ?? '').toLowerCase(),
    result: (head[2] ?? '').toLowerCase(),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

/**
 * The field at its semicolons, without comments: these nest, and begin nowhere inside of quoted strings (RFC 5322
 * section 3.2.2). One pass, whatever a stranger wrote.
 */
function parts(text: string): readonly string[] {
  const found: string[] = [''];
  const keep = (piece: string) => {
    found[found.length - 1] += piece;
  };
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '\\' && (isQuoted || depth > 0)) {
      if (depth === 0) keep(text.slice(at, at + 2));
      at++;
    } else if (depth > 0) {
      if (character === '(') depth++;
      if (character === ')' && --depth === 0) keep(' ');
    } else if (character === '(' && !isQuoted) {
      depth = 1;
    } else if (character === ';' && !isQuoted) {
      found.push('');
    } else {
      if (character === '"') isQuoted = !isQuoted;
      keep(character);
    }
  }
  return found;
}
