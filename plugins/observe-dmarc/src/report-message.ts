/** The message that carries a report (RFC 7489 section 7.2.1.1). */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ReportFacts } from './report-xml.js';

const compress = promisify(gzip);

/** What a message is made of. */
export interface ReportMessageOptions {
  readonly facts: ReportFacts;
  readonly xml: string;
  /** Our name, the submitter of the report. */
  readonly hostname: string;
  readonly to: string;
  /** What no line of base64 contains. */
  readonly boundary: string;
}

/** The message with CRLF line ends; Date and Message-ID are added on submission. */
export async function reportMessage({
  facts,
  xml,
  hostname,
  to,
  boundary,
}: ReportMessageOptions): Promise<string> {
  const seconds = (ms: number) => String(Math.floor(ms / 1_000));
  const { domain } = facts.policy;
  const file = `${hostname}!${domain}!${seconds(facts.beginMs)}!${seconds(facts.endMs - 1)}!${facts.id}.xml.gz`;
  const content = (await compress(xml)).toString('base64').replace(/.{76}/g, '$&\r\n');
  return [
    `From: <${facts.address}>`,
    `To: <${to}>`,
    `Subject: Report Domain: ${domain}\r\n Submitter: ${hostname}\r\n Report-ID: <${facts.id}@${hostname}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `This is an aggregate report about mail that says to be from ${domain}.`,
    '',
    `--${boundary}`,
    `Content-Type: application/gzip;\r\n name="${file}"`,
    `Content-Disposition: attachment;\r\n filename="${file}"`,
    'Content-Transfer-Encoding: base64',
    '',
    content,
    `--${boundary}--`,
    '',
  ].join('\r\n');
}
