/** DMARC (RFC 7489): does the domain of From stand behind the message by SPF or by DKIM. */

import { domainToASCII } from 'node:url';
import type { DkimResult, DmarcPolicy, DmarcResult, SpfResult } from '@postroad/core';
import { getDomain } from 'tldts';
import type { MailauthResolver } from './mailauth.js';
import { parseTagList } from './tag-list.js';

/** What a verdict is made of. */
export interface DmarcQuestion {
  /** The addresses of the From fields. */
  readonly from: readonly string[];
  /** How many From fields there are. */
  readonly fromFields: number;
  readonly spf: SpfResult | undefined;
  readonly dkim: readonly DkimResult[];
}

interface PolicyRecord {
  readonly domain: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Never rejects for what the world does. */
export async function checkDmarc(question: DmarcQuestion, resolver: MailauthResolver): Promise<DmarcResult> {
  const domains = new Set(question.from.map(domainOfAddress));
  const [domain = ''] = domains;
  if (question.fromFields !== 1 || domains.size !== 1 || domain === '') {
    // RFC 7489 section 6.6.1: nobody can say who it is from.
    return {
      result: 'permerror',
      domain: '',
      organizationalDomain: '',
      ...unaligned,
      comment: 'not one From',
    };
  }
  const facts = { domain, organizationalDomain: organizationalDomain(domain) };
  let record: PolicyRecord | undefined;
  try {
    record = await findRecord(domain, facts.organizationalDomain, resolver);
  } catch {
    // The failure is in the result, which policy answers with a deferral.
    return { ...facts, result: 'temperror', ...unaligned, comment: 'record not to be had for now' };
  }
  if (record === undefined) return { ...facts, result: 'none', ...unaligned };
  return { ...facts, ...evaluate(question, facts, record), record };
}

const unaligned = { isSpfAligned: false, isDkimAligned: false } as const;

function evaluate(
  { spf, dkim }: DmarcQuestion,
  facts: { readonly domain: string; readonly organizationalDomain: string },
  { domain: recordDomain, tags }: PolicyRecord,
): Omit<DmarcResult, 'domain' | 'organizationalDomain' | 'record'> {
  const isAligned = (other: string, mode: string | undefined) =>
    mode?.toLowerCase() === 's'
      ? other === facts.domain
      : organizationalDomain(other) === facts.organizationalDomain;
  const isSpfNamed = spf !== undefined && isAligned(asciiDomain(spf.domain), tags.aspf);
  const isSpfAligned = isSpfNamed && spf.result === 'pass';
  const named = dkim.filter((one) => isAligned(asciiDomain(one.domain), tags.adkim));
  // What l= leaves open anybody may have written.
  const isDkimAligned = named.some((one) => one.result === 'pass' && one.isWhole);
  const isPass = isSpfAligned || isDkimAligned;
  const mayMend =
    (isSpfNamed && spf.result === 'temperror') || named.some((one) => one.result === 'temperror');
  const asked = recordDomain !== facts.domain && tags.sp !== undefined ? tags.sp : tags.p;
  const percentage = tags.pct === undefined ? 100 : Number(tags.pct);
  return {
    result: isPass ? 'pass' : mayMend ? 'temperror' : 'fail',
    policy: policyOf(asked) ?? 'none',
    percentage: Number.isInteger(percentage) && percentage >= 0 && percentage <= 100 ? percentage : 100,
    isSpfAligned,
    isDkimAligned,
  };
}

/** RFC 7489 section 6.6.3. */
async function findRecord(
  domain: string,
  organizational: string,
  resolver: MailauthResolver,
): Promise<PolicyRecord | undefined> {
  const own = await recordAt(domain, resolver);
  if (own !== undefined || organizational === domain) return own;
  return await recordAt(organizational, resolver);
}

async function recordAt(domain: string, resolver: MailauthResolver): Promise<PolicyRecord | undefined> {
  const records = await textsOf(`_dmarc.${domain}`, resolver);
  const found = records.filter((text) => /^v\s*=\s*DMARC1\s*(?:;|$)/.test(text));
  if (found.length !== 1) return undefined;
  const tags = Object.fromEntries(parseTagList(found[0] ?? '') ?? []);
  // A record without a policy that can be understood is one for reports only, or none.
  if (policyOf(tags.p) === undefined && tags.rua === undefined) return undefined;
  return { domain, tags };
}

async function textsOf(name: string, resolver: MailauthResolver): Promise<readonly string[]> {
  try {
    return (await resolver(name, 'TXT')).map((strings) => (strings as string[]).join('').trim());
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw error;
  }
}

function policyOf(text: string | undefined): DmarcPolicy | undefined {
  const word = text?.toLowerCase();
  return word === 'none' || word === 'quarantine' || word === 'reject' ? word : undefined;
}

function domainOfAddress(address: string): string {
  return asciiDomain(address.slice(address.lastIndexOf('@') + 1));
}

function asciiDomain(domain: string): string {
  const plain = domain.trim().toLowerCase().replace(/\.$/, '');
  return /^[ -~]*$/.test(plain) ? plain : domainToASCII(plain);
}

/** The domain that was registered (RFC 7489 section 3.2), by the public suffix list. */
export function organizationalDomain(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true, validateHostname: false }) ?? domain;
}
