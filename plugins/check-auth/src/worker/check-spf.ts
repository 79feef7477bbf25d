/** SPF of the reverse-path, or of the greeting when that is empty (RFC 7208 section 2.4). */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { SpfResult } from '@postroad/core';
import type { MailauthResolver } from './mailauth.js';
import type { JobFacts } from './protocol.js';
import { evaluateSpf } from './spf/evaluate.js';

/** Never rejects for what the world does. */
export async function checkSpf(facts: JobFacts, resolver: MailauthResolver): Promise<SpfResult> {
  const scope = facts.sender === '' ? 'helo' : 'mailfrom';
  const helloName = asciiOf(facts.helloName);
  const at = facts.sender.lastIndexOf('@');
  const domain = (scope === 'helo' ? helloName : asciiOf(facts.sender.slice(at + 1))).toLowerCase();
  // RFC 7208 section 4.3: where there is no local part it is postmaster.
  const localPart = (scope === 'helo' ? '' : facts.sender.slice(0, Math.max(at, 0))) || 'postmaster';
  const address = facts.remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIP(address) === 0) return { result: 'none', domain, scope };
  const { result, comment } = await evaluateSpf(
    {
      ...{ address, domain, helloName, sender: `${localPart}@${domain}` },
      lookupsMax: facts.limits.spfLookupsMax,
      voidLookupsMax: facts.limits.spfVoidLookupsMax,
    },
    resolver,
  );
  return { result, domain, scope, comment };
}

/** RFC 8616 section 4: a name of the client is one of A-labels; what can be none stays as it is. */
function asciiOf(name: string): string {
  return /[^\u0000-\u007f]/.test(name) ? domainToASCII(name) || name : name;
}
