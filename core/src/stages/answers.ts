/** What the receive stage says: verdicts as answers, and the replies of its own rules. */
import type { ReceiverAnswer } from '../smtp/receiver.js';
import { type Reply, reply } from '../values/reply.js';
import type { Attributed, Verdict } from '../values/verdict.js';

/** Said by the core itself. The texts name no host, path, plugin or policy of ours. */
export const replies = {
  sender: reply(250, '1.0', 'sender ok'),
  recipient: reply(250, '1.5', 'recipient ok'),
  loginNeeded: reply(530, '7.0', 'authentication required'),
  loginUnknown: reply(535, '7.8', 'authentication credentials invalid'),
  senderNotOwned: reply(553, '7.1', 'sender address is not one of yours'),
  relayDenied: reply(550, '7.1', 'relaying denied'),
  loop: reply(554, '4.6', 'too many hops, the message seems to loop'),
  noRecipients: reply(554, '5.1', 'no valid recipients'),
  temporary: reply(451, '3.0', 'temporary problem, try again later'),
  full: reply(452, '3.1', 'insufficient system storage'),
} satisfies Record<string, Reply>;

/** The answer that a verdict asks for; `accepted` is what to say when it does not refuse. */
export function answerOf(verdict: Verdict | undefined, accepted: Reply): ReceiverAnswer {
  switch (verdict?.verdict) {
    case 'reject':
    case 'defer':
    case 'deferIfAccepted':
      return { ...attributionOf(verdict), reply: verdict.reply };
    case 'disconnect':
      return { ...attributionOf(verdict), reply: verdict.reply, close: true };
    default:
      return { reply: accepted };
  }
}

/** Whether the answer refuses. */
export function isRefusalAnswer(answer: ReceiverAnswer): boolean {
  return answer.reply.code >= 400;
}

/** Who decided, and why, without the rest of a verdict or answer. */
export function attributionOf({ by, grounds }: Attributed): Attributed {
  return { ...(by === undefined ? {} : { by }), ...(grounds === undefined ? {} : { grounds }) };
}

/** The same as fields of a log line. */
export function attributionFields({ by, grounds }: Attributed): Readonly<Record<string, string>> {
  return {
    ...(by === undefined ? {} : { plugin: by }),
    ...(grounds?.rule === undefined ? {} : { rule: grounds.rule }),
    ...(grounds?.reason === undefined ? {} : { reason: grounds.reason }),
  };
}
