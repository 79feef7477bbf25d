/** What kind of refusal a reply is: for lists of dead addresses, back-off and statistics. */
import type { Reply } from './reply.js';

/**
 * `address`: nobody can ever be reached under it. `domain`: nor under its domain. `quota`: full for now. `policy`: the
 * content or the sender was not wanted. `block`: our own address or reputation. `message`: this message is too large or
 * of a kind that is not taken. `transient`: anything that may mend by itself. `unknown`: refused for good, and no more
 * is known.
 */
export type BounceClass =
  | 'address'
  | 'domain'
  | 'quota'
  | 'policy'
  | 'block'
  | 'message'
  | 'transient'
  | 'unknown';

/** Enhanced statuses without their class (RFC 3463 section 3, and the registry that RFC 5248 keeps). */
const byDetail: Readonly<Record<string, BounceClass>> = {
  '1.0': 'address',
  '1.1': 'address',
  '1.2': 'domain',
  '1.3': 'address',
  '1.6': 'address',
  '1.10': 'domain',
  '2.1': 'address',
  '2.2': 'quota',
  '2.3': 'message',
  '3.4': 'message',
  '4.4': 'domain',
  '6.1': 'message',
  '6.3': 'message',
  '6.7': 'message',
  '7.23': 'policy',
  '7.24': 'policy',
  '7.25': 'block',
  '7.26': 'policy',
  '7.27': 'policy',
};

/**
 * Words that servers use where their status says little or the wrong thing. The first that is found counts, so blocks
 * come before policy, and both before addresses: `550 5.1.1 blocked` is a block.
 */
const byWords: readonly (readonly [words: RegExp, bounceClass: BounceClass])[] = [
  [
    /\b(?:blocked|blacklist(?:ed)?|block ?list(?:ed)?|dnsbl|rbl|spamhaus|barracuda|poor reputation|banned)\b/i,
    'block',
  ],
  [/\b(?:spam|unsolicited|dmarc|spf|dkim|content rejected|policy violation|virus|malware)\b/i, 'policy'],
  [
    /\b(?:over ?quota|quota exceeded|mailbox (?:is )?full|insufficient (?:disk )?space|out of storage)\b/i,
    'quota',
  ],
  [/\b(?:message (?:size|too (?:large|big))|size limit|exceeds? (?:the )?(?:maximum|size))\b/i, 'message'],
  [
    /\b(?:no such (?:user|mailbox|recipient|person)|(?:user|mailbox|recipient|account|address)(?: address)? (?:unknown|not found|does(?:n.t| not) exist|disabled|inactive|unavailable)|unknown (?:user|recipient|mailbox)|invalid recipient|(?:doesn.t|does not|not) have (?:an|this) account)\b/i,
    'address',
  ],
];

/** Classifies a refusal. Pure; a delivered reply is `transient`, as it says nothing against the address. */
export function classifyBounce(said: Reply): BounceClass {
  const words = typeof said.text === 'string' ? said.text : said.text.join(' ');
  const byWord = byWords.find(([pattern]) => pattern.test(words))?.[1];
  const fromStatus = said.detail === undefined ? undefined : byDetail[said.detail];
  if (byWord === 'block' || byWord === 'policy') return byWord;
  if (said.code < 500) return fromStatus === 'quota' || byWord === 'quota' ? 'quota' : 'transient';
  if (fromStatus !== undefined) return fromStatus;
  // RFC 3463 section 3.8: the rest of X.7 is about what is allowed.
  if (said.detail?.startsWith('7.') === true) return 'policy';
  return byWord ?? 'unknown';
}
