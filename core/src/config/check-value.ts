/** Checks a value against any Standard Schema and says what is wrong in the same words for all. */
import { MailError } from '../errors.js';
import type { SchemaIssue, StandardSchema } from '../plugin/standard-schema.js';
import { type ConfigIssue, formatKeyPath, type KeyPath } from './issues.js';
import { jsonSchemaOf, knownKeys } from './known-keys.js';
import { didYouMean } from './nearest.js';
import { mapChildren } from './substitute.js';

/** What is checked, and where it stands in the file. */
export interface CheckSubject {
  readonly value: unknown;
  readonly path: KeyPath;
  /** Paths of strings that came whole from the environment. */
  readonly whole: ReadonlySet<string>;
}

/** The value as it was written (defaults are not filled in), and what is wrong with it. */
export interface Checked {
  readonly value: unknown;
  readonly issues: readonly ConfigIssue[];
}

/** Checks; strings from the environment become numbers or booleans where only that makes the value fit. */
export function checkValue(schema: StandardSchema, subject: CheckSubject): Checked {
  const issues = validate(schema, subject.value, subject.path);
  const doubtful = new Set(
    issues.map((issue) => formatKeyPath(issue.path)).filter((at) => subject.whole.has(at)),
  );
  if (doubtful.size === 0) return { value: subject.value, issues };
  const value = convert(subject.value, subject.path, doubtful);
  return { value, issues: validate(schema, value, subject.path) };
}

function validate(schema: StandardSchema, value: unknown, path: KeyPath): readonly ConfigIssue[] {
  const result = schema['~standard'].validate(value);
  if ('then' in result) {
    throw new MailError('E_CONFIG', 'configuration schemas must answer at once, not with a promise');
  }
  return (result.issues ?? []).flatMap((issue) => readIssue(schema, issue, path));
}

function readIssue(schema: StandardSchema, issue: SchemaIssue, base: KeyPath): readonly ConfigIssue[] {
  const steps = (issue.path ?? []).map(readStep);
  const unknownKeys = readUnknownKeys(issue);
  if (unknownKeys === undefined) {
    return [{ path: [...base, ...steps], message: issue.message.replace(/^Invalid input: /, '') }];
  }
  const known = knownKeys(jsonSchemaOf(schema), steps);
  return unknownKeys.map((key) => ({
    path: [...base, ...steps, key],
    message: `unknown key${didYouMean(key, known)}`,
  }));
}

function readStep(step: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof step === 'object' ? step.key : step;
  return typeof key === 'number' ? key : String(key);
}

/** Schemas of zod name them; those of other libraries say it in their message. */
function readUnknownKeys(issue: SchemaIssue): readonly string[] | undefined {
  if (!('keys' in issue) || !('code' in issue) || issue.code !== 'unrecognized_keys') return undefined;
  return Array.isArray(issue.keys) ? issue.keys.map(String) : undefined;
}

function convert(node: unknown, path: KeyPath, doubtful: ReadonlySet<string>): unknown {
  if (typeof node !== 'string') return mapChildren(node, path, (child, at) => convert(child, at, doubtful));
  if (!doubtful.has(formatKeyPath(path))) return node;
  if (node === 'true' || node === 'false') return node === 'true';
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(node) ? Number(node) : node;
}
