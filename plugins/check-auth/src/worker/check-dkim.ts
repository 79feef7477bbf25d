/**
 * DKIM: mailauth verifies, and what it lets through of RFC 6376 and RFC 8301 is made up for here. A signature that may
 * verify tomorrow is a temperror, one that never will is not.
 */
import type { DkimResult } from '@postroad/core';
import {
  DkimVerifier,
  type MailauthHeaders,
  type MailauthResolver,
  type SignatureHeader,
  type SignatureResult,
  type Verifier,
} from './mailauth.js';
import type { JobFacts } from './protocol.js';
import { parseTagList, tagsOfField } from './tag-list.js';

type Judged = Pick<DkimResult, 'result'> & { readonly comment?: string };

/** A verifier for one message: write the octets, end it, and read `dkimResults` when it has finished. */
export function createVerifier(facts: JobFacts, resolver: MailauthResolver): Verifier {
  class BoundedVerifier extends DkimVerifier {
    override async messageHeaders(headers: MailauthHeaders): Promise<void> {
      await super.messageHeaders(headers);
      let left = facts.checks.includes('dkim') ? facts.limits.signaturesMax : 0;
      this.signatureHeaders = this.signatureHeaders.filter((one) => one.type !== 'DKIM' || left-- > 0);
      const used = new Set(this.signatureHeaders.map((one) => one.bodyHashKey));
      for (const key of this.bodyHashes.keys()) if (!used.has(key)) this.bodyHashes.delete(key);
    }
  }
  return new BoundedVerifier({
    resolver,
    minBitLength: facts.limits.rsaBitsMin,
    curTime: facts.nowMs,
    sender: facts.sender,
  });
}

/** One result for each signature that was looked at. */
export function dkimResults(verifier: Verifier): readonly DkimResult[] {
  const verified = verifier.results.filter((one) => one.signingDomain !== undefined);
  let at = 0;
  const results: DkimResult[] = [];
  for (const header of verifier.signatureHeaders) {
    if (header.type === 'DKIM')
      results.push(resultOf(header, header.skip === true ? undefined : verified[at++]));
  }
  return results;
}

function resultOf(header: SignatureHeader, verified: SignatureResult | undefined): DkimResult {
  const tags = tagsOfField(header.original);
  const { result, comment } = judge(tags, verified);
  const signature = verified?.signature?.slice(0, 8);
  return {
    result,
    domain: (tags?.get('d') ?? verified?.signingDomain ?? '').toLowerCase(),
    selector: tags?.get('s') ?? '',
    algorithm: (tags?.get('a') ?? '').toLowerCase(),
    isWhole: verified !== undefined && verified.status.underSized === undefined,
    ...(comment === undefined ? {} : { comment }),
    ...(signature === undefined ? {} : { signature }),
  };
}

function judge(tags: ReadonlyMap<string, string> | undefined, verified: SignatureResult | undefined): Judged {
  const fault = faultOf(tags);
  if (tags === undefined || fault !== undefined) return { result: 'permerror', comment: fault ?? 'syntax' };
  // RFC 8301 section 3.1.
  if (/-sha1$/i.test(tags.get('a') ?? '')) return { result: 'policy', comment: 'sha1 proves nothing' };
  if (verified === undefined) return { result: 'permerror', comment: 'unknown algorithm' };
  const { status } = verified;
  if (status.result === 'pass') return keyJudgement(tags, verified.rr ?? '') ?? { result: 'pass' };
  if (status.result === 'policy') return { result: 'policy', comment: 'weak key' };
  const comment = status.comment ?? status.result;
  if (status.result === 'temperror') return { result: 'temperror', comment: 'key not to be had for now' };
  if (/body hash|bad signature/.test(comment)) return { result: 'fail', comment };
  // RFC 6376 section 6.1.2: no key, or one that can't be used.
  if (/key/.test(comment)) return { result: 'permerror', comment };
  return { result: 'neutral', comment };
}

/** What is wrong with the signature by itself (RFC 6376 sections 3.5 and 6.1.1). */
function faultOf(tags: ReadonlyMap<string, string> | undefined): string | undefined {
  if (tags === undefined) return 'no tag list';
  for (const name of ['v', 'a', 'b', 'bh', 'd', 'h', 's']) if (!tags.get(name)) return `no ${name}=`;
  if (tags.get('v') !== '1') return 'unknown version';
  const signed = (tags.get('h') ?? '').split(':').map((name) => name.trim().toLowerCase());
  if (!signed.includes('from')) return 'From is not signed';
  const domain = (tags.get('d') ?? '').toLowerCase();
  const identity = (tags.get('i') ?? `@${domain}`).toLowerCase();
  const identityDomain = identity.slice(identity.lastIndexOf('@') + 1);
  if (identityDomain !== domain && !identityDomain.endsWith(`.${domain}`)) return 'i= is not under d=';
  return undefined;
}

/** What the key record forbids (RFC 6376 section 3.6.1). */
function keyJudgement(tags: ReadonlyMap<string, string>, record: string): Judged | undefined {
  const key = parseTagList(record);
  if (key === undefined) return { result: 'permerror', comment: 'key syntax' };
  const list = (name: string) => key.get(name)?.toLowerCase().split(':');
  const services = list('s');
  if (services !== undefined && !services.includes('email') && !services.includes('*')) {
    return { result: 'permerror', comment: 'key is not for email' };
  }
  const hash = (tags.get('a') ?? '').toLowerCase().split('-').at(-1) ?? '';
  if (list('h')?.includes(hash) === false)
    return { result: 'permerror', comment: 'key is not for this hash' };
  const identity = tags.get('i')?.toLowerCase();
  const isStrict = list('t')?.includes('s') === true;
  if (isStrict && identity !== undefined && !identity.endsWith(`@${tags.get('d')?.toLowerCase()}`)) {
    return { result: 'permerror', comment: 'key is not for subdomains' };
  }
  return undefined;
}
