/** Says in one line where and why a module could not be loaded. */
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.js';

const coreFolder = fileURLToPath(new URL('..', import.meta.url));

const syntaxPattern =
  /^(?:ParseError|SyntaxError|TransformError): ?(.*?)\s*\n\s*(\/.+|[A-Za-z]:\\.+):(\d+):(\d+)/s;
const missingPattern = /Cannot find (?:module|package) '([^']+)'/;

/** `file:line: reason`, with the line when it can be had. `source` is the file's text, or empty. */
export function describeLoadFailure(file: string, source: string, error: unknown): string {
  const message = messageOf(error);
  if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EISDIR') return `${file}: there is no such file`;
  const syntax = syntaxPattern.exec(message);
  if (syntax !== null) return `${syntax[2]}:${syntax[3]}: ${(syntax[1] ?? '').trim()}`;
  const missing = missingPattern.exec(message)?.[1];
  if (missing !== undefined) {
    return `${place(file, lineNaming(source, missing))}: it imports ${missing}, which was not found`;
  }
  const frame = ownFrame(error);
  const reason = message.split('\n')[0] ?? '';
  return frame === undefined ? `${file}: ${reason}` : `${frame}: ${reason}`;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function place(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

function lineNaming(source: string, specifier: string): number | undefined {
  const at = source
    .split('\n')
    .findIndex((line) => line.includes(`'${specifier}'`) || line.includes(`"${specifier}"`));
  return at === -1 ? undefined : at + 1;
}

/** The innermost line of the stack that is not Node's or the loader's own. */
function ownFrame(error: unknown): string | undefined {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : '';
  for (const line of stack.split('\n')) {
    const match = /^\s+at (?:.*\()?(?:file:\/\/)?(\/.+|[A-Za-z]:\\.+?):(\d+):\d+\)?$/.exec(line);
    const file = match?.[1] ?? '';
    if (match === null || /[/\\]node_modules[/\\]/.test(file) || file.startsWith(coreFolder)) continue;
    return `${match[1]}:${match[2]}`;
  }
  return undefined;
}
