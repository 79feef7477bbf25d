/** Checks what a user wrote for a plugin against its schema. */
import { MailError } from '../errors.js';
import type { PluginUse } from './define.js';
import type { SchemaIssue, StandardSchema } from './standard-schema.js';

/** The parsed configuration; throws `E_CONFIG` with every issue, its path and the plugin's name. */
export function parsePluginConfig(use: PluginUse): unknown {
  const { name, config: schema } = use.definition;
  if (schema === undefined) {
    if (use.config === undefined) return undefined;
    throw new MailError('E_CONFIG', `plugin ${name} takes no configuration`);
  }
  const issues: string[] = [];
  const value = validate(schema, use.config ?? {}, issues);
  if (issues.length === 0) return value;
  throw new MailError('E_CONFIG', `plugin ${name}: ${issues.join('; ')}`);
}

/** Validates with any Standard Schema; issues are added as `path: message`. */
export function validate(schema: StandardSchema, value: unknown, issues: string[]): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) throw new MailError('E_CONFIG', 'configuration schemas must answer at once');
  if (result.issues === undefined) return result.value;
  for (const issue of result.issues) issues.push(formatIssue(issue));
  return undefined;
}

function formatIssue(issue: SchemaIssue): string {
  const path = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
