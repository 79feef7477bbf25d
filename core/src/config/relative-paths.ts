/**
 * Paths in a configuration are relative to its file. Which strings are paths is a matter of their keys' names, for the
 * core and for plugins alike: `file`, `directory`, `socket`, and what ends in `File`, `Directory` or `Socket`; with an
 * `s` behind for lists.
 */
import { resolve } from 'node:path';
import { isPlainObject, mapChildren } from './substitute.js';

const pathKeyPattern =
  /^(?:file|directory|socket)s?$|(?:File|Directory|Socket)s?$|Directories$|^directories$/;

/** The value with its relative paths made absolute. */
export function resolvePaths(value: unknown, directory: string): unknown {
  const visit = (node: unknown, key: string): unknown => {
    if (typeof node === 'string')
      return pathKeyPattern.test(key) && node !== '' ? resolve(directory, node) : node;
    if (Array.isArray(node)) return node.map((item) => visit(item, key));
    if (!isPlainObject(node)) return node;
    return mapChildren(node, [], (child, path) => visit(child, String(path[0])));
  };
  return visit(value, '');
}
