import { expect, it } from 'vitest';
import { z } from 'zod';
import { definePlugin } from '../plugin/define.js';
import { configJsonSchema } from './json-schema.js';

const definitionOf = (config: unknown) =>
  definePlugin({ name: 'check-list', description: 'Checks.', config: config as never, setup() {} })
    .definition;

/** A validator made from the exported schema, so that what it says is tested, not how it is written. */
function validator(...configs: readonly unknown[]) {
  const plugins = configs.map((config, at) => ({
    use: `./plugin-${at}.ts`,
    definition: definitionOf(config),
  }));
  const schema = z.fromJSONSchema(configJsonSchema(plugins) as never);
  return (plugin: unknown) => schema.safeParse({ hostname: 'a.example', plugins: [plugin] }).success;
}

it('is the schema of the whole file, with strict keys and descriptions', () => {
  const schema = configJsonSchema();
  expect(schema).toMatchObject({
    type: 'object',
    additionalProperties: false,
    required: ['hostname', 'plugins'],
  });
  const parse = z.fromJSONSchema(schema as never);
  const listeners = [{ port: 25, role: 'relay', plugins: ['./a.ts'] }];
  expect(parse.safeParse({ hostname: 'a.example', plugins: [], listeners }).success).toBe(true);
  expect(parse.safeParse({ hostname: 'a.example', plugins: [], listener: [] }).success).toBe(false);
  expect(parse.safeParse({ hostname: 'a.example', plugins: [], listeners: [{ port: 25 }] }).success).toBe(
    false,
  );
  expect(JSON.stringify(schema)).toContain("The server's name in greetings");
});

it('has the options of every plugin it was given', () => {
  const isValid = validator(z.strictObject({ zones: z.array(z.string()), limit: z.number().default(3) }));
  expect(isValid({ use: './plugin-0.ts', zones: ['a'] })).toBe(true);
  expect(isValid({ use: './plugin-0.ts', zones: [1] })).toBe(false);
  expect(isValid({ use: './plugin-0.ts' })).toBe(false);
  expect(isValid({ use: './plugin-0.ts', zones: [], zonez: [] })).toBe(false);
});

it('lets plugins that it was not given be written with any option', () => {
  expect(validator()({ use: './other.ts', anything: 1 })).toBe(true);
  expect(validator()('./other.ts')).toBe(true);
  expect(validator()({ anything: 1 })).toBe(false);
});

it('takes a plugin that is one of several shapes, or refers to parts of its schema', () => {
  const host = z.strictObject({ name: z.string() }).meta({ id: 'host' });
  const isValid = validator(
    z.union([z.strictObject({ first: host, second: host }), z.strictObject({ any: z.boolean() })]),
  );
  expect(isValid({ use: './plugin-0.ts', first: { name: 'a' }, second: { name: 'b' } })).toBe(true);
  expect(isValid({ use: './plugin-0.ts', any: true })).toBe(true);
  expect(isValid({ use: './plugin-0.ts', first: { name: 1 }, second: { name: 'b' } })).toBe(false);
});

it('asks only for the name of a plugin whose schema cannot be exported', () => {
  const isValid = validator(z.strictObject({ run: z.custom<() => void>() }));
  expect(isValid({ use: './plugin-0.ts', run: 1 })).toBe(true);
});
