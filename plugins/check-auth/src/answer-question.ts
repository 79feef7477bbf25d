/** DNS for the workers: their questions go to the server's own resolver, and come back as mailauth wants them. */

import { isIPv4 } from 'node:net';
import { isMailError, messageOf, type Resolver } from '@postroad/core';
import type { Answer, QuestionType } from './worker/protocol.js';

/** Never rejects: "there is none" and "not now" are answers. */
export async function answerQuestion(
  resolver: Resolver,
  type: QuestionType,
  name: string,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const records = await lookUp(resolver, type, name, signal);
    if (records.length === 0) return { code: 'ENOTFOUND', text: `nothing at ${name}` };
    return { records };
  } catch (error) {
    // A name that no resolver can be asked for has no records; everything else may mend.
    const isOurs = isMailError(error, 'E_DNS') || signal.aborted;
    return { code: 'ETIMEOUT', text: isOurs ? 'DNS does not answer' : messageOf(error) };
  }
}

async function lookUp(
  resolver: Resolver,
  type: QuestionType,
  name: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  switch (type) {
    case 'TXT':
      return (await resolver.txt(name, signal)).map((text) => [text]);
    case 'A':
      return (await resolver.addresses(name, signal, 4)).filter((address) => isIPv4(address));
    case 'AAAA':
      return (await resolver.addresses(name, signal, 6)).filter((address) => !isIPv4(address));
    case 'MX':
      return (await resolver.mx(name, signal)).map(({ preference, exchange }) => ({
        priority: preference,
        exchange,
      }));
    case 'PTR':
      return await resolver.names(addressOfReverseName(name), signal);
  }
}

/** The address that `4.3.2.1.in-addr.arpa` and its IPv6 like are about. */
export function addressOfReverseName(name: string): string {
  const parts = name.toLowerCase().split('.').reverse();
  if (parts[1] === 'in-addr') return parts.slice(2).join('.');
  return (parts.slice(2).join('').match(/.{4}/g) ?? []).join(':');
}
