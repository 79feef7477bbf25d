/** `postroad-account`: what is kept of an account beside its mailboxes. */
import { join } from 'node:path';
import { MailError } from '@postroad/core';
import { type Owner, replaceFile, textOf } from './disk.js';

/** The state; written whole at each change. */
export interface AccountState {
  readonly version: 1;
  /** The highest number of a mailbox and the highest UIDVALIDITY given so far. */
  readonly lastNumber: number;
  /** Whether the usual mailboxes were made. */
  readonly hasDefaults: boolean;
  readonly limitBytes: number | null;
  /** Keywords as they were first spelt. */
  readonly keywords: readonly string[];
  /** Directories being renamed, from and to: what a crash left undone is done at the next start. */
  readonly renames: readonly (readonly [from: string, to: string])[];
}

const name = 'postroad-account';

/** The state of an account that nothing is known of. */
export const freshState: AccountState = {
  version: 1,
  lastNumber: 0,
  hasDefaults: false,
  limitBytes: null,
  keywords: [],
  renames: [],
};

/** Reads it; `undefined` on first use. A damaged one throws: it must not be taken for a new account. */
export async function readState(maildir: string): Promise<AccountState | undefined> {
  const text = await textOf(join(maildir, name));
  if (text === undefined) return undefined;
  try {
    const state = JSON.parse(text) as AccountState;
    if (state.version === 1 && Number.isSafeInteger(state.lastNumber)) return state;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new MailError('E_MAILBOX_STORE', `${join(maildir, name)} is damaged`);
}

/** Writes it; durable when it resolves. */
export async function writeState(
  maildir: string,
  state: AccountState,
  owner: Owner | undefined,
): Promise<void> {
  await replaceFile(join(maildir, name), `${JSON.stringify(state)}\n`, owner);
}
