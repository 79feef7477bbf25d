/** SMTP replies as values. The text is for the peer: generic, without names of hosts, paths or plugins of ours. */

/**
 * A reply (RFC 5321 section 4.2). `detail` is the enhanced status without its class (`'7.1'` for 5.7.1 under a 5yz
 * code, RFC 3463); the class is the code's first digit, so the two can't disagree.
 */
export interface Reply {
  readonly code: number;
  readonly detail?: string;
  /** One line, or several for a multi-line reply; without CR and LF. */
  readonly text: string | readonly string[];
}

/** A reply; control characters in the text are turned into blanks, so that no text can add a line. */
export function reply(code: number, detail: string | undefined, text: string | readonly string[]): Reply {
  const clean = typeof text === 'string' ? cleanText(text) : text.map(cleanText);
  return detail === undefined ? { code, text: clean } : { code, detail, text: clean };
}

/** The whole enhanced status code, such as `5.7.1`; `undefined` when the reply has none (RFC 2034 section 4). */
export function enhancedStatus(of: Reply): string | undefined {
  if (of.detail === undefined) return undefined;
  return `${Math.floor(of.code / 100)}.${of.detail}`;
}

/** Whether the reply refuses for now: 4yz. */
export function isTransient(of: Reply): boolean {
  return of.code >= 400 && of.code < 500;
}

/** Whether the reply refuses for good: 5yz. */
export function isPermanent(of: Reply): boolean {
  return of.code >= 500;
}

/** The reply on one line, for logs, DSNs and lists: `550 5.1.1 no such user`. */
export function formatReply(of: Reply): string {
  const text = typeof of.text === 'string' ? of.text : of.text.join(' ');
  const status = enhancedStatus(of);
  return status === undefined ? `${of.code} ${text}` : `${of.code} ${status} ${text}`;
}

function cleanText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 900);
}
