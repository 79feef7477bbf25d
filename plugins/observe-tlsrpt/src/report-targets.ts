/** Where a domain wants its reports: the TXT record of `_smtp._tls` (RFC 8460 section 3). Pure. */

/** A place to send a report to. */
export type ReportTarget =
  | { readonly kind: 'mail'; readonly address: string }
  | { readonly kind: 'web'; readonly url: string };

const targetsMax = 5;

/** The places; none when the domain wants no reports or says it wrongly. */
export function reportTargets(records: readonly string[]): readonly ReportTarget[] {
  const own = records.filter((record) => /^v=TLSRPTv1\s*;/.test(record));
  // Section 3: more than one record is as none.
  if (own.length !== 1) return [];
  const [, rua = ''] = /;\s*rua=([^;]+)/.exec(own[0] as string) ?? [];
  const targets: ReportTarget[] = [];
  for (const uri of rua.split(',').map((part) => part.trim())) {
    const [, address] = /^mailto:([^?\s]+@[^?\s]+)$/i.exec(uri) ?? [];
    if (address !== undefined) targets.push({ kind: 'mail', address: decode(address) });
    else if (/^https:\/\/[^\s]+$/i.test(uri)) targets.push({ kind: 'web', url: uri });
  }
  return targets.slice(0, targetsMax);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not encoded after all.
  }
}
