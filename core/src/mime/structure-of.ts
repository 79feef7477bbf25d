/** The structure of a body, read once however many ask for it. */
import type { Body } from '../body/body.js';
import { type ParsedMessage, parseStructure } from './parse-structure.js';

/** Goes with the body: nothing is kept that nobody else holds. */
const known = new WeakMap<Body, Promise<ParsedMessage>>();

/**
 * The same as `parseStructure('', body)`. Checks of one message share it; offsets count from the start of the body. Rejects
 * when the body can't be read, and reads again when asked again.
 */
export function structureOf(body: Body): Promise<ParsedMessage> {
  const parsed = known.get(body);
  if (parsed !== undefined) return parsed;
  const parsing = parseStructure('', body);
  known.set(body, parsing);
  parsing.catch(() => known.delete(body));
  return parsing;
}
