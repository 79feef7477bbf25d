/** From a rule that applies to a verdict, or to a finding that is noted. */
import { type Connection, defer, notedFindings, noteFinding, reject, type Verdict } from '@postroad/core';
import type { CheckClientConfig, RuleName } from './options.js';

const texts: Readonly<Record<RuleName, string>> = {
  earlyTalker: 'you talk before you are greeted',
  ourHello: 'that is not your name',
  wrongLiteral: 'that is not your address',
  bareHello: 'say a full host name or an address in brackets',
  unknownHello: 'the name that you call yourself does not exist',
  otherHello: 'the name that you call yourself is not yours',
  noReverseName: 'your address has no name in the DNS',
  unconfirmedReverseName: 'the name of your address does not lead back to it',
  badPipelining: 'you send on without waiting for the answer',
};

/** The verdict of a rule that applies; `undefined` when it only adds points, which are then noted, or is off. */
export function act(
  config: CheckClientConfig,
  connection: Connection,
  rule: RuleName,
  reason: string,
): Verdict | undefined {
  const action = config[rule];
  if (action === 'off') return undefined;
  const grounds = { rule, reason };
  if (action === 'reject') return reject(rule === 'badPipelining' ? 503 : 550, '7.1', texts[rule], grounds);
  if (action === 'defer') return defer(450, '7.1', texts[rule], grounds);
  // Once for each connection, however often the client says hello.
  if (notedFindings(connection).some((one) => one.source === 'check-client' && one.result === rule))
    return undefined;
  noteFinding(connection, {
    source: 'check-client',
    result: rule,
    score: action,
    text: `${texts[rule]}: ${reason}`,
  });
  return undefined;
}

/** Whether the rule can refuse, so that not knowing must not accept. */
export function isRefusing(config: CheckClientConfig, rule: RuleName): boolean {
  return config[rule] === 'reject' || config[rule] === 'defer';
}
