/**
 * Names of statements that are kept by the server with each connection. A name is made from the text, so that whoever finds it
 * finds that statement. A pooler that gives every transaction another connection may lose them; once that is seen, none are used
 * any more.
 */
import { createHash } from 'node:crypto';
import type { Logger } from '@postroad/core';
import { sqlState } from './faults.js';

/** The names of one database. */
export interface StatementNames {
  /** The name of that statement; `undefined` when it should have none. */
  nameOf(text: string): string | undefined;
  /** Whether it failed because the server does not have the name, or has it already: it may be run again, without one. */
  isForgotten(error: unknown): boolean;
}

/** Most statements that get names: texts that are put together anew each time are not meant. */
const namesMax = 100;
// invalid_sql_statement_name and duplicate_prepared_statement (PostgreSQL, appendix A).
const forgotten = new Set(['26000', '42P05']);

/** Names for the statements of a database. */
export function createNames(log: Logger): StatementNames {
  const names = new Map<string, string>();
  let isUsed = true;
  return {
    nameOf(text) {
      if (!isUsed) return undefined;
      const known = names.get(text);
      if (known !== undefined || names.size >= namesMax) return known;
      const name = `postroad_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
      names.set(text, name);
      return name;
    },
    isForgotten(error) {
      if (!forgotten.has(sqlState(error) ?? '')) return false;
      const isFirst = isUsed;
      isUsed = false;
      if (isFirst) log.info('a pooler loses prepared statements: none are used any more');
      return true;
    },
  };
}
