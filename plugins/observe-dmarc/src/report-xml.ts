/** Writing an aggregate report (RFC 7489 appendix C). */
import type { CountedRow, PublishedPolicy } from './row.js';

/** What a report says beside its rows. */
export interface ReportFacts {
  readonly organization: string;
  readonly address: string;
  readonly id: string;
  readonly beginMs: number;
  readonly endMs: number;
  readonly policy: PublishedPolicy;
}

/** The XML. */
export function reportXml(facts: ReportFacts, rows: readonly CountedRow[]): string {
  const { policy } = facts;
  const seconds = (ms: number) => String(Math.floor(ms / 1_000));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n<feedback>\n<version>1.0</version>',
    element('report_metadata', [
      text('org_name', facts.organization),
      text('email', facts.address),
      text('report_id', facts.id),
      element('date_range', [text('begin', seconds(facts.beginMs)), text('end', seconds(facts.endMs - 1))]),
    ]),
    element('policy_published', [
      text('domain', policy.domain),
      text('adkim', policy.tags.adkim?.toLowerCase() === 's' ? 's' : 'r'),
      text('aspf', policy.tags.aspf?.toLowerCase() === 's' ? 's' : 'r'),
      text('p', policy.tags.p ?? 'none'),
      text('sp', policy.tags.sp ?? policy.tags.p ?? 'none'),
      text('pct', policy.tags.pct ?? '100'),
    ]),
    ...rows.map(record),
    '</feedback>\n',
  ].join('\n');
}

function record({ row, count }: CountedRow): string {
  const reason =
    row.override === undefined
      ? []
      : [
          element('reason', [
            text('type', row.override),
            ...(row.comment === undefined ? [] : [text('comment', row.comment)]),
          ]),
        ];
  const { spfResult: spf } = row;
  return element('record', [
    element('row', [
      text('source_ip', row.sourceAddress),
      text('count', String(count)),
      element('policy_evaluated', [
        text('disposition', row.disposition),
        text('dkim', row.dkim),
        text('spf', row.spf),
        ...reason,
      ]),
    ]),
    element('identifiers', [text('envelope_from', row.envelopeFrom), text('header_from', row.headerFrom)]),
    element('auth_results', [
      ...row.dkimResults.map((one) =>
        element('dkim', [
          text('domain', one.domain),
          text('selector', one.selector),
          text('result', one.result),
        ]),
      ),
      ...(spf === undefined
        ? []
        : [
            element('spf', [
              text('domain', spf.domain),
              text('scope', spf.scope),
              text('result', spf.result),
            ]),
          ]),
    ]),
  ]);
}

function element(name: string, inner: readonly string[]): string {
  return `<${name}>\n${inner.join('\n')}\n</${name}>`;
}

function text(name: string, value: string): string {
  const escaped = value
    // What XML 1.0 can't hold at all.
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/gu, '?')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<${name}>${escaped}</${name}>`;
}
