/** ARC (RFC 8617): is the chain whole, and do we trust those who made it. */
import { type ArcLink, arc, type MailauthHeaders, type MailauthResolver, type Verifier } from './mailauth.js';
import type { CheckedArc, JobFacts } from './protocol.js';
import { tagsOfField } from './tag-list.js';

const sealTags = ['i', 'a', 'cv', 'd', 's', 'b'];
const none: CheckedArc = { result: 'none', sealers: [], isTrusted: false };

/** Never rejects for what the world does; a key that can't be had for now is told by `isTemporary`. */
export async function checkArc(
  facts: JobFacts,
  verifier: Verifier,
  resolver: MailauthResolver,
): Promise<CheckedArc> {
  const { chain } = verifier.arc;
  if (verifier.arc.error === undefined && !chain) return none;
  const sealers = (chain || []).map((link) => domainOf(verifier.headers, link));
  const fault = faultOf(verifier.headers);
  if (fault !== undefined) return { result: 'fail', sealers, isTrusted: false, comment: fault };
  let isTemporary = false;
  const watched: MailauthResolver = async (name, type) => {
    try {
      return await resolver(name, type);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ETIMEOUT') isTemporary = true;
      throw error;
    }
  };
  const { status } = await arc(verifier.arc, { resolver: watched, minBitLength: facts.limits.rsaBitsMin });
  // The newest message signature was verified with the DKIM signatures, by another resolver.
  const isKeyMissing = isTemporary || signatureOf(verifier)?.status?.result === 'temperror';
  if (status.result !== 'pass') {
    return {
      result: 'fail',
      sealers,
      isTrusted: false,
      ...(status.comment === undefined ? {} : { comment: status.comment }),
      ...(isKeyMissing && { isTemporary: true }),
    };
  }
  return { result: 'pass', sealers, ...trust(facts, verifier.headers, sealers) };
}

function trust(
  facts: JobFacts,
  headers: MailauthHeaders | false,
  sealers: readonly string[],
): Pick<CheckedArc, 'isTrusted' | 'original'> {
  // Everybody in the chain could have changed the message, so each one's word must count.
  const isTrusted = sealers.every((sealer) => facts.trustedSealers.includes(sealer));
  if (!isTrusted) return { isTrusted };
  const original = originalResults(headers);
  return { isTrusted, ...(original === undefined ? {} : { original }) };
}

function originalResults(headers: MailauthHeaders | false): string | undefined {
  for (const { key, line } of rows(headers)) {
    if (key !== 'arc-authentication-results') continue;
    const text = line.toString('utf8').replace(/\r?\n/g, '');
    const found = /^[^:]*:\s*i\s*=\s*1\s*;(.*)$/s.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What RFC 8617 section 4.1 asks for and mailauth does not. */
function faultOf(headers: MailauthHeaders | false): string | undefined {
  for (const { key, line } of rows(headers)) {
    if (key !== 'arc-seal' && key !== 'arc-message-signature') continue;
    const tags = tagsOfField(line);
    if (tags === undefined) return `${key} is no tag list`;
    const missing = key === 'arc-seal' ? sealTags.find((name) => !tags.has(name)) : undefined;
    if (missing !== undefined) return `arc-seal has no ${missing}=`;
  }
  return undefined;
}

function domainOf(headers: MailauthHeaders | false, link: ArcLink): string {
  for (const { key, line } of rows(headers)) {
    const tags = key === 'arc-seal' ? tagsOfField(line) : undefined;
    if (Number(tags?.get('i')) === link.i) return (tags?.get('d') ?? '').toLowerCase();
  }
  return '';
}

function rows(headers: MailauthHeaders | false): MailauthHeaders['parsed'] {
  return headers === false ? [] : headers.parsed;
}

function signatureOf(verifier: Verifier): { readonly status?: { readonly result?: string } } | undefined {
  const last = verifier.arc.lastEntry as { messageSignature?: { status?: { result?: string } } } | undefined;
  return last?.messageSignature;
}
