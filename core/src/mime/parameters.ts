/** Reads structured MIME field values: `value; name=value; ...` (RFC 2045 section 5.1, RFC 2183). Never fails. */
import type { MimeParameters } from './structure.js';

/** Most parameters read from one field; what follows is ignored. */
export const parametersPerFieldMax = 100;

/** A value with its parameters. */
export interface ParameterValue {
  /** What stands before the first semicolon, without comments, trimmed. */
  readonly value: string;
  readonly parameters: MimeParameters;
}

/** Splits an unfolded field value. Names come in lower case; values without their quotes, otherwise as they stand. */
export function parseParameterValue(text: string): ParameterValue {
  const first = readUntilSemicolon(text, 0);
  const parameters: (readonly [string, string])[] = [];
  let at = first.end;
  while (at < text.length && parameters.length < parametersPerFieldMax) {
    const name = readName(text, at + 1);
    at = name.end;
    if (text[at] !== '=') continue;
    const value = readValue(text, at + 1);
    at = value.end;
    if (name.text !== '') parameters.push([name.text.toLowerCase(), value.text]);
  }
  return { value: first.text, parameters };
}

interface Read {
  readonly text: string;
  readonly end: number;
}

/** Reads up to an equals sign or semicolon. */
function readName(text: string, start: number): Read {
  let end = start;
  while (end < text.length && text[end] !== '=' && text[end] !== ';') end++;
  return { text: withoutComments(text.slice(start, end)), end };
}

function readValue(text: string, start: number): Read {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t') at++;
  if (text[at] !== '"') return readUntilSemicolon(text, at);
  let value = '';
  for (at++; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++;
    value += text[at];
  }
  const semicolon = text.indexOf(';', at);
  return { text: value, end: semicolon < 0 ? text.length : semicolon };
}

/** Tolerates blanks in an unquoted value, as `filename=my file.pdf` is common. */
function readUntilSemicolon(text: string, start: number): Read {
  const semicolon = text.indexOf(';', start);
  const end = semicolon < 0 ? text.length : semicolon;
  return { text: withoutComments(text.slice(start, end)), end };
}

function withoutComments(text: string): string {
  if (!text.includes('(')) return text.trim();
  let kept = '';
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '\\' && depth > 0) at++;
    else if (character === '(') depth++;
    else if (character === ')' && depth > 0) depth--;
    else if (depth === 0) kept += character;
  }
  return kept.trim();
}
