/** What is wrong with a configuration: collected, then told all at once, each with its place. */
import { relative } from 'node:path';
import { MailError } from '../errors.js';

/** Steps from the top of the file to a value. */
export type KeyPath = readonly (string | number)[];

/** One thing that is wrong. */
export interface ConfigIssue {
  readonly path: KeyPath;
  readonly message: string;
  /** The plugin whose configuration it is in. */
  readonly plugin?: string;
  /** Counted from 1; known for JSON and YAML. */
  readonly line?: number;
}

/** `plugins[2].zones[0]`. */
export function formatKeyPath(path: KeyPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** The error that tells of all issues; they also stand in its `cause`, for programs. */
export function issuesError(file: string, directory: string, issues: readonly ConfigIssue[]): MailError {
  const shown = displayPath(file, directory);
  const lines = issues.map((issue) => formatIssue(shown, issue));
  const [only] = lines;
  const message =
    lines.length === 1 && only !== undefined
      ? only
      : `${shown} has ${lines.length} problems:\n  ${lines.join('\n  ')}`;
  return new MailError('E_CONFIG', message, { cause: { file, issues } });
}

function formatIssue(file: string, issue: ConfigIssue): string {
  const place = issue.line === undefined ? file : `${file}:${issue.line}`;
  const path = formatKeyPath(issue.path);
  const plugin = issue.plugin === undefined ? '' : `(plugin ${issue.plugin})`;
  const subject = [path, plugin].filter((part) => part !== '').join(' ');
  return subject === '' ? `${place}: ${issue.message}` : `${place}: ${subject}: ${issue.message}`;
}

function displayPath(file: string, directory: string): string {
  const near = relative(directory, file);
  return near === '' || near.startsWith('..') ? file : near;
}
