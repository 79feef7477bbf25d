/** What becomes of a message, by what its domain asks for and what we were told (RFC 7489 section 6.6). */

import { BlockList, isIP } from 'node:net';
import type { DmarcDisposition, DmarcPolicy, DmarcResult, MessageAuthentication } from '@postroad/core';
import type { CheckDmarcPolicyConfig } from './options.js';

/** What is known of a message. */
export interface DispositionQuestion {
  readonly authentication: MessageAuthentication;
  readonly remoteAddress: string;
  /** A number from 0 up to, not including, 1. */
  readonly chance: number;
}

/** Decides; `undefined` when DMARC has nothing to say. */
export type DecideDisposition = (question: DispositionQuestion) => DmarcDisposition | undefined;

/** Compiles the lists. */
export function dispositionBy(config: CheckDmarcPolicyConfig): DecideDisposition {
  const clients = networksOf(config.exemptClients);
  return ({ authentication, remoteAddress, chance }) => {
    const { dmarc } = authentication;
    if (dmarc === undefined || (dmarc.result !== 'fail' && dmarc.result !== 'pass')) return undefined;
    if (dmarc.result === 'pass' || dmarc.policy === undefined || dmarc.policy === 'none') {
      return { disposition: 'none' };
    }
    if (isUnder(dmarc.domain, config.exemptDomains)) return noted('local_policy', 'domain');
    if (isIn(clients, remoteAddress)) return noted('trusted_forwarder', 'client');
    if (config.trustsArc && isVouched(authentication)) return noted('trusted_forwarder', 'arc=pass');
    return limited(sampled(dmarc, dmarc.policy, chance), dmarc.policy, config);
  };
}

function noted(override: NonNullable<DmarcDisposition['override']>, comment: string): DmarcDisposition {
  return { disposition: 'none', override, comment };
}

/** RFC 7489 section 6.6.4: what the sample leaves out gets the next milder policy. */
function sampled({ percentage = 100 }: DmarcResult, policy: DmarcPolicy, chance: number): DmarcDisposition {
  if (chance * 100 < percentage) return { disposition: policy };
  return { disposition: policy === 'reject' ? 'quarantine' : 'none', override: 'sampled_out' };
}

/** No harder than the operator wants. */
function limited(
  wanted: DmarcDisposition,
  policy: DmarcPolicy,
  { onReject, onQuarantine }: CheckDmarcPolicyConfig,
): DmarcDisposition {
  const most = policy === 'reject' ? onReject : onQuarantine;
  if (most === 'note' && wanted.disposition !== 'none') return noted('local_policy', 'only noted');
  if (most === 'quarantine' && wanted.disposition === 'reject') {
    return { disposition: 'quarantine', override: 'local_policy' };
  }
  return wanted;
}

function isVouched({ arc }: MessageAuthentication): boolean {
  if (arc?.isTrusted !== true) return false;
  return arc.original?.some(({ method, result }) => method === 'dmarc' && result === 'pass') === true;
}

function isUnder(domain: string, domains: readonly string[]): boolean {
  return domains.some((one) => domain === one || domain.endsWith(`.${one}`));
}

function networksOf(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', prefix] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function isIn(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
