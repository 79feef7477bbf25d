/** Every record that a domain of ours wants in DNS. */
import type { DkimKeyRecord } from '@postroad/core';
import { stsPolicy, stsRecord } from './mta-sts.js';
import type { Offer } from './offers.js';
import type { AccessAutoconfigConfig } from './options.js';

/** A record to publish. */
export interface WantedRecord {
  readonly name: string;
  readonly type: 'MX' | 'TXT' | 'CNAME' | 'SRV';
  readonly value: string;
  /** For TXT: what tells it from others of its name. */
  readonly marker?: string;
  /** Why it is as it is, where that must be said. */
  readonly note?: string;
}

/** What records are made of. */
export interface RecordFacts {
  readonly domain: string;
  readonly host: string;
  readonly offers: readonly Offer[];
  readonly keys: readonly DkimKeyRecord[];
  readonly config: AccessAutoconfigConfig;
}

const services = {
  submission: { starttls: '_submission', implicit: '_submissions' },
  imap: { starttls: '_imap', implicit: '_imaps' },
  pop3: { starttls: '_pop3', implicit: '_pop3s' },
} as const;

/** The records, in the order in which one sets a domain up. */
export function wantedRecords({ domain, host, offers, keys, config }: RecordFacts): readonly WantedRecord[] {
  const text = (name: string, value: string, marker: string, note?: string): WantedRecord => ({
    name,
    type: 'TXT',
    value,
    marker,
    ...(note === undefined ? {} : { note }),
  });
  const alias = (name: string): WantedRecord => ({ name: `${name}.${domain}`, type: 'CNAME', value: host });
  const { dmarc, mtaSts, tlsReports } = config;
  const reports = dmarc.reports === undefined ? '' : `; rua=mailto:${dmarc.reports}`;
  return [
    { name: domain, type: 'MX', value: `10 ${host}` },
    text(domain, 'v=spf1 mx -all', 'v=spf1'),
    ...keys.map(({ name, text: value, state }) => text(name, value, 'v=DKIM1', state)),
    text(`_dmarc.${domain}`, `v=DMARC1; p=${dmarc.policy}${reports}`, 'v=DMARC1'),
    ...(mtaSts === undefined
      ? []
      : [alias('mta-sts'), text(`_mta-sts.${domain}`, stsRecord(stsPolicy(mtaSts, host)), 'v=STSv1')]),
    ...(tlsReports === undefined
      ? []
      : [text(`_smtp._tls.${domain}`, `v=TLSRPTv1; rua=mailto:${tlsReports}`, 'v=TLSRPTv1')]),
    alias('autoconfig'),
    alias('autodiscover'),
    { name: `_autodiscover._tcp.${domain}`, type: 'SRV', value: `0 1 443 ${host}` },
    ...serviceRecords(domain, host, offers),
  ];
}

/** RFC 6186 section 3 and RFC 8314 section 5.1: what is not offered is said so, with the target `.`. */
function serviceRecords(domain: string, host: string, offers: readonly Offer[]): readonly WantedRecord[] {
  const records: WantedRecord[] = [];
  for (const [protocol, names] of Object.entries(services)) {
    for (const [tls, name] of Object.entries(names)) {
      const found = offers.find((offer) => offer.protocol === protocol && offer.tls === tls);
      const value = found === undefined ? '0 0 0 .' : `0 1 ${found.port} ${host}`;
      records.push({ name: `${name}._tcp.${domain}`, type: 'SRV', value });
    }
  }
  return records;
}
