/** What can be told from what a client calls itself, without asking anybody (RFC 5321 section 4.1.4). */
import { isIP } from 'node:net';
import { domainKey, networkOf, plainAddress } from '@postroad/core';
import type { RuleName } from './options.js';

/** The rule that the name breaks, with the reason; `undefined` when it could be true. */
export function helloProblem(
  name: string,
  remoteAddress: string,
  ours: ReadonlySet<string>,
): { readonly rule: RuleName; readonly reason: string } | undefined {
  const literal = /^\[(?:ipv6:)?([^\]]+)\]$/i.exec(name)?.[1];
  if (literal !== undefined) {
    return isOwnAddress(literal, remoteAddress)
      ? undefined
      : { rule: 'wrongLiteral', reason: `${name} from ${remoteAddress}` };
  }
  const key = domainKey(name).replace(/\.$/, '');
  if (ours.has(key)) return { rule: 'ourHello', reason: name };
  if (isIP(key) !== 0 || !/^[^.]+(?:\.[^.]+)+$/.test(key)) return { rule: 'bareHello', reason: name };
  return undefined;
}

function isOwnAddress(literal: string, remoteAddress: string): boolean {
  const whole = { four: 32, six: 128 };
  return isIP(literal) !== 0 && networkOf(literal, whole) === networkOf(plainAddress(remoteAddress), whole);
}
