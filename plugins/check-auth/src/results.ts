/** What was found out, in the words of RFC 8601. */
import type { IprevResult, MethodResult } from '@postroad/core';
import type { Checked } from './worker/protocol.js';

/** What the results are about, beside the message. */
export interface ResultFacts {
  readonly remoteAddress: string;
  readonly helloName: string;
  readonly sender: string;
}

/** One result after another, in the order in which they were found out. */
export function authenticationResults(
  facts: ResultFacts,
  iprev: IprevResult | undefined,
  { spf, dkim, arc, dmarc, bimi }: Checked,
): readonly MethodResult[] {
  const results: MethodResult[] = [];
  if (iprev !== undefined) {
    results.push({
      method: 'iprev',
      ...comment(iprev.name),
      result: iprev.result,
      properties: { 'policy.iprev': facts.remoteAddress },
    });
  }
  if (spf !== undefined) {
    const properties: Record<string, string> =
      spf.scope === 'helo' ? { 'smtp.helo': facts.helloName } : { 'smtp.mailfrom': facts.sender };
    results.push({ method: 'spf', result: spf.result, ...comment(spf.comment), properties });
  }
  for (const one of dkim) {
    const properties: Record<string, string> = {
      'header.d': one.domain,
      'header.s': one.selector,
      'header.a': one.algorithm,
    };
    if (one.signature !== undefined) properties['header.b'] = one.signature;
    const said = one.isWhole || one.result !== 'pass' ? one.comment : 'part of the body is not signed';
    results.push({ method: 'dkim', result: one.result, ...comment(said), properties });
  }
  if (dkim.length === 0) results.push({ method: 'dkim', result: 'none' });
  if (arc !== undefined && arc.result !== 'none') {
    results.push({ method: 'arc', result: arc.result, ...comment(arc.comment ?? arc.sealers.join(' ')) });
  }
  if (dmarc !== undefined) {
    const properties: Record<string, string> = dmarc.domain === '' ? {} : { 'header.from': dmarc.domain };
    if (dmarc.policy !== undefined) properties['policy.published-domain-policy'] = dmarc.policy;
    results.push({ method: 'dmarc', result: dmarc.result, ...comment(dmarc.comment), properties });
  }
  if (bimi !== undefined) results.push(bimi);
  return results;
}

function comment(text: string | undefined): { readonly comment?: string } {
  return text === undefined || text === '' ? {} : { comment: text };
}
