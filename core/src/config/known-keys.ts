/** Reads from a JSON Schema which keys a place may have. */
import type { StandardSchema } from '../plugin/standard-schema.js';
import { isPlainObject } from './substitute.js';

/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The dialect of all our JSON Schemas. */
export const jsonSchemaDialect = 'draft-2020-12';

/** The JSON Schema of what may be written; `undefined` when the schema's library makes none, or none of this schema. */
export function jsonSchemaOf(schema: StandardSchema): JsonSchema | undefined {
  try {
    return schema['~standard'].jsonSchema?.input({ target: jsonSchemaDialect });
  } catch {
    // A type that JSON Schema can't say, such as a function: there is no schema of it, and that is an answer.
    return undefined;
  }
}

/** The keys that are allowed at the path; empty when nothing is known. */
export function knownKeys(
  schema: JsonSchema | undefined,
  path: readonly (string | number)[],
): readonly string[] {
  if (schema === undefined) return [];
  let places: readonly JsonSchema[] = alternatives(schema, schema);
  for (const step of path) places = places.flatMap((place) => stepInto(place, step, schema));
  return [...new Set(places.flatMap((place) => Object.keys(asSchema(place.properties) ?? {})))];
}

function stepInto(place: JsonSchema, step: string | number, root: JsonSchema): readonly JsonSchema[] {
  const inner =
    typeof step === 'number' ? asSchema(place.items) : asSchema(asSchema(place.properties)?.[step]);
  const next = inner ?? asSchema(place.additionalProperties);
  return next === undefined ? [] : alternatives(next, root);
}

/** The schema itself, or what it may be instead. */
function alternatives(schema: JsonSchema, root: JsonSchema, depth = 0): readonly JsonSchema[] {
  if (depth > 8) return [];
  const reference = typeof schema.$ref === 'string' ? /^#\/\$defs\/(.+)$/.exec(schema.$ref)?.[1] : undefined;
  const referred = reference === undefined ? undefined : asSchema(asSchema(root.$defs)?.[reference]);
  const parts = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  const next = [...parts.map(asSchema), referred].filter((part) => part !== undefined);
  return [schema, ...next.flatMap((part) => alternatives(part, root, depth + 1))];
}

function asSchema(value: unknown): JsonSchema | undefined {
  return isPlainObject(value) ? value : undefined;
}
