/** SPF of the reverse-path, or of the greeting when that is empty (RFC 7208 section 2.4). */
import type { SpfResult } from '@postroad/core';
import { type MailauthResolver, spf } from './mailauth.js';
import type { JobFacts } from './protocol.js';

const words = new Set<string>(['pass', 'fail', 'softfail', 'neutral', 'none', 'temperror', 'permerror']);

/** Never rejects for what the world does. */
export async function checkSpf(facts: JobFacts, resolver: MailauthResolver): Promise<SpfResult> {
  const scope = facts.sender === '' ? 'helo' : 'mailfrom';
  const said = await spf({
    sender: facts.sender,
    ip: facts.remoteAddress,
    helo: facts.helloName,
    mta: facts.hostname,
    maxResolveCount: facts.limits.spfLookupsMax,
    maxVoidCount: facts.limits.spfVoidLookupsMax,
    resolver,
  });
  const result = words.has(said.status.result) ? (said.status.result as SpfResult['result']) : 'permerror';
  const comment = said.status.comment?.replace(`${facts.hostname}: `, '');
  return { result, domain: said.domain.toLowerCase(), scope, ...(comment === undefined ? {} : { comment }) };
}
