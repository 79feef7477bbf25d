/** What the end of a program means for the mail: the numbers of sysexits.h, as sendmail and procmail use them. */
import { type Reply, reply } from '@postroad/core';

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The first line it wrote to its standard error or output. */
  readonly words: string;
}

/** What that means. */
export interface ProgramOutcome {
  readonly status: 'delivered' | 'deferred' | 'failed';
  readonly reply: Reply;
}

/** Numbers that refuse for good, with their enhanced status. All others are for now: programs break more often than mail. */
const permanent: Readonly<Record<number, readonly [detail: string, text: string]>> = {
  65: ['6.0', 'the program refuses the message'],
  67: ['1.1', 'the program does not know the recipient'],
  68: ['1.2', 'the program does not know the host'],
  69: ['3.0', 'the program refuses the message'],
  77: ['7.1', 'the program does not allow it'],
};

/** Reads it. */
export function outcomeOf(end: ProgramEnd): ProgramOutcome {
  if (end.code === 0) return { status: 'delivered', reply: reply(250, '0.0', 'delivered to the program') };
  const refusal = end.code === null ? undefined : permanent[end.code];
  if (refusal !== undefined) {
    return { status: 'failed', reply: reply(550, refusal[0], end.words === '' ? refusal[1] : end.words) };
  }
  const how =
    end.code === null ? `was ended by ${end.signal ?? 'a signal'}` : `ended with status ${end.code}`;
  return { status: 'deferred', reply: reply(451, '3.0', `the program ${how}`) };
}
