/** Tables for people: aligned columns, the widths taken from the first rows, longer values cut. */

/** A row; columns are its keys. */
export type TableRow = Readonly<Record<string, unknown>>;

/** How to draw. */
export interface TableStyle {
  readonly hasColour: boolean;
  /** Columns of the terminal; a line is cut there. */
  readonly width: number | undefined;
}

/** A table that grows page by page. */
export interface Table {
  /** The lines for these rows, the header before the first. */
  lines(rows: readonly TableRow[]): readonly string[];
}

const gap = '  ';
const columnCharactersMax = 60;

/** An empty table. */
export function createTable(style: TableStyle): Table {
  let columns: readonly { readonly name: string; readonly width: number }[] | undefined;
  return {
    lines(rows) {
      const first = rows[0];
      if (first === undefined) return [];
      const header: string[] = [];
      if (columns === undefined) {
        columns = Object.keys(first).map((name) => ({ name, width: widthOf(name, rows) }));
        const names = columns.map((column) => titleOf(column.name).padEnd(column.width)).join(gap);
        header.push(bold(cutLine(names, style), style));
      }
      const drawn = columns;
      return [...header, ...rows.map((row) => drawRow(row, drawn, style))];
    },
  };
}

function drawRow(
  row: TableRow,
  columns: readonly { readonly name: string; readonly width: number }[],
  style: TableStyle,
): string {
  const cells = columns.map(({ name, width }) => cut(cellText(row[name]), columnCharactersMax).padEnd(width));
  return cutLine(cells.join(gap), style);
}

function widthOf(name: string, rows: readonly TableRow[]): number {
  return Math.min(
    columnCharactersMax,
    Math.max(name.length, ...rows.map((row) => cellText(row[name]).length)),
  );
}

/** A value on one line. What a peer wrote may hold control characters: a terminal must not obey them. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return '–';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

function titleOf(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after}`)
    .toUpperCase();
}

function cut(text: string, charactersMax: number): string {
  return text.length > charactersMax ? `${text.slice(0, charactersMax - 1)}…` : text;
}

function cutLine(line: string, style: TableStyle): string {
  const trimmed = line.trimEnd();
  return style.width === undefined ? trimmed : cut(trimmed, Math.max(20, style.width));
}

function bold(text: string, style: TableStyle): string {
  return style.hasColour ? `\u001b[1m${text}\u001b[22m` : text;
}
