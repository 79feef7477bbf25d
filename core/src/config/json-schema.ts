/** The JSON Schema of a whole configuration file, for editors and for checks elsewhere. */
import type { PluginUse } from '../plugin/define.js';
import { type JsonSchema, jsonSchemaOf } from './known-keys.js';
import { configSchema } from './schema.js';
import { isPlainObject } from './substitute.js';

/** A plugin as a configuration names it. */
export interface SchemaPlugin {
  /** Package or path, as it would stand under `use`. */
  readonly use: string;
  readonly definition: PluginUse['definition'];
}

/**
 * The JSON Schema (draft 2020-12) of `postroad.config.json` and `.yaml`. The plugins given are checked in full, each
 * under its name; of others only the name is asked for.
 */
export function configJsonSchema(plugins: readonly SchemaPlugin[] = []): JsonSchema {
  const definitions: Record<string, unknown> = {};
  const known = plugins.flatMap((plugin) => describePlugin(plugin, definitions));
  const names = plugins.map((plugin) => plugin.use);
  definitions.plugin = {
    anyOf: [
      { type: 'string', description: 'The package or path of a plugin that needs no options.' },
      ...known,
      {
        type: 'object',
        description: 'A plugin by package or path; the other keys are its options.',
        properties: { use: { type: 'string', ...(names.length === 0 ? {} : { pattern: noneOf(names) }) } },
        required: ['use'],
      },
    ],
  };
  const root = structuredClone(jsonSchemaOf(configSchema) ?? {}) as Record<string, unknown>;
  placePlugins(root);
  return { title: 'Postroad configuration', ...root, $defs: definitions };
}

function noneOf(names: readonly string[]): string {
  const escaped = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return `^(?!(?:${escaped.join('|')})$)`;
}

function describePlugin(plugin: SchemaPlugin, definitions: Record<string, unknown>): readonly JsonSchema[] {
  const { name, description = `The plugin ${plugin.definition.name}.`, config } = plugin.definition;
  const use = { const: plugin.use, description };
  const own = config === undefined ? undefined : jsonSchemaOf(config);
  if (config !== undefined && own === undefined) {
    return [{ type: 'object', properties: { use }, required: ['use'] }];
  }
  const { $schema: _dialect, $defs, ...schema } = relocate(own ?? { type: 'object', properties: {} }, name);
  for (const [key, value] of Object.entries(isPlainObject($defs) ? $defs : {}))
    definitions[`${name}.${key}`] = value;
  definitions[name] = addUse(schema, use);
  return [{ $ref: `#/$defs/${name}` }];
}

/** References within a plugin's schema, now that it is a part of another. */
function relocate(schema: JsonSchema, name: string): JsonSchema {
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (!isPlainObject(node)) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => {
        if (key !== '$ref' || typeof value !== 'string') return [key, visit(value)];
        return [key, value === '#' ? `#/$defs/${name}` : value.replace('#/$defs/', `#/$defs/${name}.`)];
      }),
    );
  };
  return visit(schema) as JsonSchema;
}

/** The plugin's options with the key `use` among them, in every alternative. */
function addUse(schema: JsonSchema, use: JsonSchema): JsonSchema {
  const added = (list: unknown) => (list as readonly JsonSchema[]).map((part) => addUse(part, use));
  if (Array.isArray(schema.anyOf)) return { ...schema, anyOf: added(schema.anyOf) };
  if (Array.isArray(schema.oneOf)) return { ...schema, oneOf: added(schema.oneOf) };
  const properties = isPlainObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return {
    additionalProperties: false,
    ...schema,
    type: 'object',
    properties: { use, ...properties },
    required: ['use', ...required],
  };
}

function placePlugins(root: Record<string, unknown>): void {
  const list = { type: 'array', items: { $ref: '#/$defs/plugin' } };
  const properties = root.properties as Record<string, { items?: { properties: Record<string, unknown> } }>;
  const { description } = properties.plugins as { description?: string };
  properties.plugins = { description, ...list } as never;
  const listener = properties.listeners?.items?.properties;
  if (listener !== undefined) listener.plugins = list;
}
