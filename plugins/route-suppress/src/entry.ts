/** One line of the list's file. */

/** An address and why it is not sent to. */
export interface SuppressedAddress {
  /** As `local@domain`, in the form in which addresses are compared. */
  readonly address: string;
  readonly reason: string;
  readonly atMs: number;
  readonly untilMs: number;
}

/** What a line says: an address is on the list, or is taken off it. */
export type ListLine = SuppressedAddress | { readonly address: string; readonly isRemoved: true };

/** Writes a line, with its end. */
export function formatLine(line: ListLine): string {
  return `${JSON.stringify(line)}\n`;
}

/** Reads a line; `undefined` when it is none: torn by a crash, or edited by hand. */
export function parseLine(text: string): ListLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The rest of the list still holds.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { address, reason, atMs, untilMs, isRemoved } = value as Record<string, unknown>;
  if (typeof address !== 'string') return undefined;
  if (isRemoved === true) return { address, isRemoved };
  if (typeof reason !== 'string' || typeof atMs !== 'number' || typeof untilMs !== 'number') return undefined;
  return { address, reason, atMs, untilMs };
}
