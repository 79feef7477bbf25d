/**
 * `check_host()` of RFC 7208: records are read whole before anything of them counts, names that can be none do not exist,
 * and what is looked up is bounded.
 */
import type { SpfResult } from '@postroad/core';
import type { MailauthResolver } from '../mailauth.js';
import { isWithin } from './addresses.js';
import { queryName } from './domain-names.js';
import { expandMacros } from './expand-macros.js';
import { createSpfLookups, type SpfLookups } from './lookups.js';
import { isSpfRecord, parseSpfRecord, type SpfMechanism, type SpfRecord } from './parse-record.js';

/** What is asked. */
export interface SpfQuestion {
  /** The address of the client, IPv4 addresses as such. */
  readonly address: string;
  readonly sender: string;
  readonly helloName: string;
  /** The domain whose record begins. */
  readonly domain: string;
  readonly lookupsMax: number;
  readonly voidLookupsMax: number;
}

/** A result, and why. */
export interface SpfAnswer {
  readonly result: SpfResult['result'];
  readonly comment: string;
}

/** Ends the evaluation, wherever it is. */
class Ended extends Error {
  readonly answer: SpfAnswer;
  constructor(result: SpfResult['result'], comment: string) {
    super(comment);
    this.answer = { result, comment };
  }
}

/** Evaluates; never rejects for what the world does. */
export async function evaluateSpf(question: SpfQuestion, resolver: MailauthResolver): Promise<SpfAnswer> {
  const lookups = createSpfLookups(question, resolver, (result, comment) => new Ended(result, comment));
  try {
    return await checkHost(question, lookups, question.domain);
  } catch (error) {
    if (error instanceof Ended) return error.answer;
    throw error;
  }
}

async function checkHost(question: SpfQuestion, lookups: SpfLookups, domain: string): Promise<SpfAnswer> {
  const record = await recordOf(lookups, domain);
  if (record === undefined) return { result: 'none', comment: `no SPF record of ${domain}` };
  for (const mechanism of record.mechanisms) {
    const { qualifier, kind } = mechanism;
    // A record may have thousands of networks: they are compared without a turn of the event loop for each.
    const isMatch =
      kind === 'ip4' || kind === 'ip6'
        ? isWithin(question.address, [mechanism.target], mechanism)
        : await matches(question, lookups, domain, mechanism);
    if (!isMatch) continue;
    const word = qualifier === 'pass' ? 'designates' : 'does not designate';
    return {
      result: qualifier,
      comment: `domain of ${domain} ${word} ${question.address} as permitted sender, by ${kind}`,
    };
  }
  if (record.redirect === undefined)
    return { result: 'neutral', comment: `${domain} says nothing of the client` };
  lookups.count();
  const target = await targetOf(question, lookups, domain, record.redirect);
  const answer = target === undefined ? undefined : await checkHost(question, lookups, target);
  // RFC 7208 section 6.1.
  if (answer === undefined || answer.result === 'none')
    throw new Ended('permerror', `${domain} redirects to where there is no record`);
  return answer;
}

/** RFC 7208 sections 4.4 to 4.6. */
async function recordOf(lookups: SpfLookups, domain: string): Promise<SpfRecord | undefined> {
  const name = queryName(domain);
  if (name === undefined) return undefined;
  const texts = (await lookups.texts(name)).filter(isSpfRecord);
  const [text] = texts;
  if (text === undefined) return undefined;
  if (texts.length > 1) throw new Ended('permerror', `several SPF records of ${domain}`);
  const record = parseSpfRecord(text);
  if (typeof record === 'string') throw new Ended('permerror', `SPF record of ${domain}: ${record}`);
  return record;
}

async function matches(
  question: SpfQuestion,
  lookups: SpfLookups,
  domain: string,
  mechanism: SpfMechanism,
): Promise<boolean> {
  const { kind, target } = mechanism;
  if (kind === 'all') return true;
  lookups.count();
  const name = target === '' ? queryName(domain) : await targetOf(question, lookups, domain, target);
  switch (kind) {
    case 'include':
      return includes(question, lookups, domain, name);
    case 'a':
      return name !== undefined && isWithin(question.address, await lookups.addresses(name), mechanism);
    case 'mx':
      return name !== undefined && isWithin(question.address, await lookups.exchangers(name), mechanism);
    case 'exists':
      return name !== undefined && (await lookups.exists(name));
    default:
      return name !== undefined && (await lookups.clientNames('ptr')).some((one) => isUnder(one, name));
  }
}

/** RFC 7208 section 5.2. */
async function includes(
  question: SpfQuestion,
  lookups: SpfLookups,
  domain: string,
  name: string | undefined,
): Promise<boolean> {
  const answer = name === undefined ? undefined : await checkHost(question, lookups, name);
  if (answer === undefined || answer.result === 'none')
    throw new Ended('permerror', `${domain} includes what has no record`);
  return answer.result === 'pass';
}

/** The name that a domain-spec comes to; `undefined` when it can be none, and so does not exist (section 4.8). */
async function targetOf(
  question: SpfQuestion,
  lookups: SpfLookups,
  domain: string,
  spec: string,
): Promise<string | undefined> {
  const { sender, helloName, address } = question;
  const clientName = async (of: string) => {
    const names = await lookups.clientNames('macro');
    // Section 7.3: the domain itself, else one below it, else any.
    const best =
      names.find((one) => isUnder(one, of) && isUnder(of, one)) ?? names.find((one) => isUnder(one, of));
    return best ?? names[0] ?? 'unknown';
  };
  return queryName(await expandMacros(spec, { sender, helloName, address, domain, clientName }));
}

function isUnder(name: string, domain: string): boolean {
  const [lower, of] = [name.toLowerCase().replace(/\.$/, ''), domain.toLowerCase().replace(/\.$/, '')];
  return lower === of || lower.endsWith(`.${of}`);
}
