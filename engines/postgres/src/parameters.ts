/** The values of one statement that is put together from parts. */

/** Collects values and gives their places. */
export interface Parameters {
  readonly values: unknown[];
  /** The place of a value, with its type: `$3::text[]`. */
  add(value: unknown, type: string): string;
}

/** Without values. */
export function createParameters(): Parameters {
  const values: unknown[] = [];
  return {
    values,
    add(value, type) {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
}

/** A column of a list of rows that is passed as arrays. */
export type Column<T> = readonly [name: string, type: string, value: (row: T) => unknown];

/** `unnest(...) AS alias(columns)`: the rows as a table of the statement. */
export function tableOf<T>(
  parameters: Parameters,
  alias: string,
  rows: readonly T[],
  columns: readonly Column<T>[],
): string {
  const arrays = columns.map(([, type, value]) => parameters.add(rows.map(value), `${type}[]`));
  return `unnest(${arrays.join(', ')}) AS ${alias}(${columns.map(([name]) => name).join(', ')})`;
}
