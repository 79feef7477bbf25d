/** Reads JSON and YAML and knows the line of every key. The one importer of yaml, of which JSON is a part. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { MailError, messageOf } from '../errors.js';
import type { KeyPath } from './issues.js';

/** Larger configurations are mistakes or attacks. */
const documentCharactersMax = 1_048_576;
const aliasesMax = 100;

/** A parsed file. */
export interface ConfigDocument {
  readonly value: unknown;
  /** The line of the key or item at the path, or of the nearest one around it. */
  lineOf(path: KeyPath): number | undefined;
}

/** Parses the text; throws `E_CONFIG_FILE` with line and column of the first mistake. */
export function readDocument(file: string, kind: 'json' | 'yaml', text: string): ConfigDocument {
  if (text.length > documentCharactersMax) {
    throw new MailError('E_CONFIG_FILE', `${file} is larger than ${documentCharactersMax} characters`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    ...(kind === 'json' ? { schema: 'json' as const } : {}),
  });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const { line, col } = lines.linePos(mistake.pos[0]);
    throw new MailError('E_CONFIG_FILE', `${file}:${line}:${col}: ${mistake.message}`, { cause: mistake });
  }
  if (kind === 'json') refuseNonJson(file, text);
  return {
    value: expand(file, document),
    lineOf: (path) => findLine(document.contents, path, lines),
  };
}

/** Aliases may repeat parts of the file, but not without end. */
function expand(file: string, document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasesMax });
  } catch (cause) {
    throw new MailError('E_CONFIG_FILE', `${file}: ${messageOf(cause)}`, { cause });
  }
}

/** What YAML allows and JSON does not, such as comments. */
function refuseNonJson(file: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new MailError('E_CONFIG_FILE', `${file} is not JSON: ${messageOf(cause)}`, { cause });
  }
}

function findLine(root: Node | null, path: KeyPath, lines: LineCounter): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const step of path) {
    const next = stepInto(node, step);
    if (next === undefined) break;
    offset = next.offset ?? offset;
    node = next.node;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function stepInto(
  node: unknown,
  step: string | number,
): { node: unknown; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
    return pair && { node: pair.value, offset: startOf(pair.key) };
  }
  if (!isSeq(node) || typeof step !== 'number') return undefined;
  const item = node.items[step];
  return item === undefined ? undefined : { node: item, offset: startOf(item) };
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0];
}
