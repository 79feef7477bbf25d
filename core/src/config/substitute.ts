/** `${NAME}` in the strings of JSON and YAML files stands for a variable of the environment. */
import { type ConfigIssue, formatKeyPath, type KeyPath } from './issues.js';

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value with its variables filled in. */
export interface Substituted {
  readonly value: unknown;
  readonly issues: readonly ConfigIssue[];
  /** Paths (as text) of strings that were one variable and nothing else: they may be meant as numbers or booleans. */
  readonly whole: ReadonlySet<string>;
}

const variablePattern = /\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;
const wholePattern = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}$/;

/** Fills in `${NAME}` and `${NAME:-otherwise}`; `$${NAME}` stays as `${NAME}`. A variable that is not set is an issue. */
export function substituteEnvironment(value: unknown, environment: Environment): Substituted {
  const issues: ConfigIssue[] = [];
  const whole = new Set<string>();
  const visit = (node: unknown, path: KeyPath): unknown => {
    if (typeof node === 'string') {
      if (wholePattern.test(node)) whole.add(formatKeyPath(path));
      return fill(node, path, environment, issues);
    }
    return mapChildren(node, path, visit);
  };
  return { value: visit(value, []), issues, whole };
}

function fill(text: string, path: KeyPath, environment: Environment, issues: ConfigIssue[]): string {
  return text.replace(
    variablePattern,
    (all: string, isEscaped: string | undefined, name: string, otherwise?: string) => {
      if (isEscaped !== undefined) return all.slice(1);
      const value = environment[name] ?? otherwise;
      if (value !== undefined) return value;
      issues.push({ path, message: `the environment variable ${name} is not set` });
      return '';
    },
  );
}

/** The value with `visit` applied to each member of an array or plain object; anything else as it is. */
export function mapChildren(
  node: unknown,
  path: KeyPath,
  visit: (child: unknown, path: KeyPath) => unknown,
): unknown {
  if (Array.isArray(node)) return node.map((item, at) => visit(item, [...path, at]));
  if (!isPlainObject(node)) return node;
  return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, visit(child, [...path, key])]));
}

/** An object literal, not an instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
