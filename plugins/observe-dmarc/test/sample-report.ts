/** A report for tests. */
import { type ReportFacts, reportXml } from '../src/report-xml.js';
import type { ReportRow } from '../src/row.js';

/** A row. */
export const row: ReportRow = {
  policy: { domain: 'example.org', tags: { v: 'DMARC1', p: 'reject', rua: 'mailto:d@example.org' } },
  sourceAddress: '192.0.2.1',
  disposition: 'reject',
  dkim: 'fail',
  spf: 'fail',
  headerFrom: 'example.org',
  envelopeFrom: 'evil.example',
  dkimResults: [{ domain: 'evil.example', selector: 's', result: 'pass' }],
  spfResult: { domain: 'evil.example', scope: 'mfrom', result: 'pass' },
};
/** What a report says beside its rows. */
export const facts: ReportFacts = {
  organization: 'Tests & <Co>',
  address: 'dmarc@mx.test',
  id: '1',
  beginMs: 0,
  endMs: 86_400_000,
  policy: row.policy,
};

/** Three messages of the row. */
export const xml = reportXml(facts, [{ row, count: 3 }]);
