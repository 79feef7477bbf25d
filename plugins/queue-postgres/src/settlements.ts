/**
 * Settlements whose answer was lost. They are asked for again by the scheduler until they succeed; what they put in may be
 * there already then, and that it is says that the whole statement was carried out.
 */
import type { Settlement } from '@postroad/core';
import { isDuplicate, isLost } from '@postroad/postgres';
import type { PreparedMessage } from './put.js';

/** See the file's comment. */
export interface Settlements {
  settle(
    owner: string,
    settlements: readonly Settlement[],
    additions: readonly PreparedMessage[],
  ): Promise<void>;
}

/** Most messages whose fate is remembered as unknown. */
const unknownMax = 10_000;

/** Settlements that `write` carries out whole or not at all. */
export function createSettlements(write: Settlements['settle']): Settlements {
  const unknown = new Set<string>();
  return {
    async settle(owner, settlements, additions) {
      const ids = additions.map((one) => one.message.id);
      try {
        await write(owner, settlements, additions);
      } catch (error) {
        if (isDuplicate(error) && ids.some((id) => unknown.has(id))) {
          // One statement wrote settlements and additions, of this call and of others that had come with it.
          await write(owner, settlements, []);
        } else {
          if (isLost(error)) for (const id of ids) remember(unknown, id);
          throw error;
        }
      }
      for (const id of ids) unknown.delete(id);
    },
  };
}

function remember(unknown: Set<string>, id: string): void {
  unknown.add(id);
  if (unknown.size <= unknownMax) return;
  for (const oldest of unknown) {
    unknown.delete(oldest);
    return;
  }
}
