/** The report of one day to one domain (RFC 8460 section 4), and the message that carries it (section 5.3). Pure. */
import { gzipSync } from 'node:zlib';
import type { CountedResult } from './day-log.js';

/** Who reports what. */
export interface ReportFacts {
  readonly organization: string;
  readonly contact: string;
  readonly hostname: string;
  readonly domain: string;
  readonly day: string;
}

/** A domain's report. */
export interface TlsReport {
  readonly reportId: string;
  /** JSON, compressed by gzip. */
  readonly content: Buffer;
  readonly fileName: string;
}

/** Makes the report of the results of its domain. */
export function buildReport(facts: ReportFacts, results: readonly CountedResult[]): TlsReport {
  const { domain, day, hostname, organization, contact } = facts;
  const start = `${day}T00:00:00Z`;
  const end = `${day}T23:59:59Z`;
  const reportId = `${day}T00:00:00Z_${domain}@${hostname}`;
  const report = {
    'organization-name': organization,
    'date-range': { 'start-datetime': start, 'end-datetime': end },
    'contact-info': contact,
    'report-id': reportId,
    policies: policiesOf(domain, results),
  };
  const [from, to] = [Date.parse(start) / 1000, Date.parse(end) / 1000];
  return {
    reportId,
    content: gzipSync(JSON.stringify(report)),
    // RFC 8460 section 5.1.
    fileName: `${hostname}!${domain}!${from}!${to}.json.gz`,
  };
}

/** The message with the report, ready to be submitted. */
export function reportMessage(facts: ReportFacts, report: TlsReport, to: string): string {
  const boundary = `=_tlsrpt_${facts.day}`;
  const encoded = report.content.toString('base64').replace(/.{76}/g, '$&\r\n');
  return [
    `From: <${facts.contact}>`,
    `To: <${to}>`,
    `Subject: Report Domain: ${facts.domain} Submitter: ${facts.hostname} Report-ID: <${report.reportId}>`,
    `TLS-Report-Domain: ${facts.domain}`,
    `TLS-Report-Submitter: ${facts.hostname}`,
    // RFC 8689 section 5: a report about broken TLS must arrive where TLS is broken.
    'TLS-Required: No',
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type="tlsrpt"; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `This is a report of ${facts.hostname} about TLS to the mail servers of ${facts.domain} on ${facts.day}.`,
    `--${boundary}`,
    'Content-Type: application/tlsrpt+gzip',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${report.fileName}"`,
    '',
    encoded,
    `--${boundary}--`,
    '',
  ].join('\r\n');
}

function policiesOf(domain: string, results: readonly CountedResult[]): readonly unknown[] {
  const groups = new Map<string, CountedResult[]>();
  for (const result of results) {
    const key = JSON.stringify([result.policyType, result.policyLines]);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [CountedResult];
    const of = (isFailure: boolean): number =>
      group
        .filter((one) => (one.failure !== undefined) === isFailure)
        .reduce((sum, one) => sum + one.count, 0);
    const mx = first.policyLines.flatMap((line) => /^mx: (.+)$/.exec(line)?.[1] ?? []);
    return {
      policy: {
        'policy-type': first.policyType,
        ...(first.policyLines.length > 0 && { 'policy-string': first.policyLines }),
        'policy-domain': domain,
        ...(mx.length > 0 && { 'mx-host': mx }),
      },
      summary: { 'total-successful-session-count': of(false), 'total-failure-session-count': of(true) },
      'failure-details': failuresOf(group),
    };
  });
}

function failuresOf(group: readonly CountedResult[]): readonly unknown[] {
  const failures = new Map<string, { readonly facts: object; count: number }>();
  for (const { failure, host, address, count } of group) {
    if (failure === undefined) continue;
    const facts = {
      'result-type': failure,
      ...(host !== undefined && { 'receiving-mx-hostname': host }),
      ...(address !== undefined && { 'receiving-ip': address }),
    };
    const key = JSON.stringify(facts);
    const known = failures.get(key);
    if (known === undefined) failures.set(key, { facts, count });
    else known.count += count;
  }
  return [...failures.values()].map(({ facts, count }) => ({ ...facts, 'failed-session-count': count }));
}
