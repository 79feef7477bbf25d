/** So many connections, used one after another by whoever comes. */
import { MailError } from '@postroad/core';
import type { LdapConnection } from './connection.js';

/** A pool. */
export interface Pool {
  /** Runs `work` on a connection; one that `work` has failed on is closed. Throws `E_DIRECTORY` when too many wait. */
  use<T>(work: (connection: LdapConnection) => Promise<T>): Promise<T>;
  /** Closes those that are idle, and each other one when it is given back. */
  close(): Promise<void>;
}

/** Makes one; nothing is opened yet. */
export function createPool(
  open: () => Promise<LdapConnection>,
  limits: { readonly connectionsMax: number; readonly waitingMax: number },
): Pool {
  const idle: LdapConnection[] = [];
  const waiting: (() => void)[] = [];
  let taken = 0;
  let isClosed = false;

  async function turn(): Promise<void> {
    if (taken < limits.connectionsMax) {
      taken++;
      return;
    }
    if (waiting.length >= limits.waitingMax) throw new MailError('E_DIRECTORY', 'too many questions at once');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function pass(): void {
    const next = waiting.shift();
    if (next === undefined) taken--;
    else next();
  }

  return {
    async use(work) {
      await turn();
      try {
        let connection = idle.pop();
        while (connection !== undefined && !connection.isOpen) connection = idle.pop();
        connection ??= await open();
        let isGood = false;
        try {
          const result = await work(connection);
          isGood = connection.isOpen && !isClosed;
          return result;
        } finally {
          if (isGood) idle.push(connection);
          else await connection.close();
        }
      } finally {
        pass();
      }
    },
    async close() {
      isClosed = true;
      await Promise.all(idle.splice(0).map((connection) => connection.close()));
    },
  };
}
