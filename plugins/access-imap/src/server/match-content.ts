/** What only the octets of a message can tell a search: texts in its body, and header fields outside the envelope. */
import {
  type Body,
  containsText,
  foldedTexts,
  foldText,
  headerText,
  type StoredMessage,
} from '@postroad/core';
import type { SearchKey } from '../protocol/index.js';
import { type FuzzyQuery, FuzzyReading } from './fuzzy-text.js';
import type { TextKey } from './match-message.js';

/** The conditions on texts in a program made ready. */
export function textKeys(program: SearchKey): TextKey[] {
  switch (program.key) {
    case 'and':
      return program.keys.flatMap(textKeys);
    case 'or':
      return [...textKeys(program.left), ...textKeys(program.right)];
    case 'not':
    case 'fuzzy':
      return textKeys(program.of);
    case 'header':
    case 'body':
    case 'text':
      return [program];
    default:
      return [];
  }
}

/** Whether the content fits a condition. */
export async function matchesContent(key: TextKey, message: StoredMessage, body: Body): Promise<boolean> {
  if (key.fuzzy !== undefined) return (await contentScore(key, key.fuzzy, message, body)) > 0;
  // The program's texts are folded already.
  const folded = key.text;
  if (key.key !== 'header') return folded === '' || containsText(message, body, folded, key.key === 'text');
  const values = await fieldValues(key.field, message, body);
  return values.some((value) => folded === '' || foldText(value).includes(folded));
}

/** How well the content fits a fuzzy condition, from 0 to 1. */
export async function contentScore(
  key: TextKey,
  query: FuzzyQuery,
  message: StoredMessage,
  body: Body,
): Promise<number> {
  if (key.key === 'header') {
    const values = await fieldValues(key.field, message, body);
    return values.reduce((best, value) => Math.max(best, query.score(value)), 0);
  }
  const { headerStart, bodyStart } = message.structure;
  // The header of the message itself, which comes first, is not part of BODY (RFC 9051 section 6.4.4).
  let isHeader = key.key === 'body' && bodyStart > headerStart;
  const reading = new FuzzyReading(query);
  for await (const { text, isMore } of foldedTexts(message, body)) {
    if (!isHeader) reading.take(isMore ? text : `\n${text}`);
    isHeader = false;
  }
  return reading.finish();
}

async function fieldValues(field: string, message: StoredMessage, body: Body): Promise<string[]> {
  const { headerStart, bodyStart } = message.structure;
  const lines = (await headerText(body, { start: headerStart, end: bodyStart })).split('\n');
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    if (colon < 0 || line.slice(0, colon).trim().toLowerCase() !== field) return [];
    return [line.slice(colon + 1)];
  });
}
