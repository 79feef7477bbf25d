/** Tag lists as RFC 6376 section 3.2 has them: stricter than mailauth reads them. */

/** The tags by name; `undefined` for what is no tag list, or names a tag twice. */
export function parseTagList(text: string): ReadonlyMap<string, string> | undefined {
  const parts = text.split(';');
  // One semicolon at the end is allowed.
  if ((parts.at(-1) ?? '').trim() === '') parts.pop();
  const tags = new Map<string, string>();
  for (const part of parts) {
    const found = /^\s*([a-z][a-z0-9_]*)\s*=\s*(.*?)\s*$/is.exec(part);
    const [, name, value] = found ?? [];
    if (name === undefined || value === undefined || tags.has(name)) return undefined;
    tags.set(name, value);
  }
  return tags.size === 0 ? undefined : tags;
}

/** The tag list of a field, unfolded. */
export function tagsOfField(field: Buffer | string): ReadonlyMap<string, string> | undefined {
  const text = typeof field === 'string' ? field : field.toString('utf8');
  return parseTagList(text.slice(text.indexOf(':') + 1).replace(/\r?\n/g, ''));
}
