/** One row of an aggregate report (RFC 7489 appendix C): the same again is counted, not repeated. */
import type { DmarcDisposition, MessageAuthentication } from '@postroad/core';

/** What rows have in common for one domain that wants reports. */
export interface PublishedPolicy {
  readonly domain: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What was seen. */
export interface ReportRow {
  readonly policy: PublishedPolicy;
  readonly sourceAddress: string;
  readonly disposition: string;
  readonly override?: string;
  readonly comment?: string;
  /** Aligned results. */
  readonly dkim: 'pass' | 'fail';
  readonly spf: 'pass' | 'fail';
  readonly headerFrom: string;
  readonly envelopeFrom: string;
  readonly dkimResults: readonly {
    readonly domain: string;
    readonly selector: string;
    readonly result: string;
  }[];
  readonly spfResult?: { readonly domain: string; readonly scope: string; readonly result: string };
}

/** A row with how often it was seen, as it stands in the file of a day. */
export interface CountedRow {
  readonly row: ReportRow;
  readonly count: number;
}

/** What can be said of a message; `undefined` when its domain has no record, or was not found out. */
export function rowOf(
  authentication: MessageAuthentication,
  disposition: DmarcDisposition | undefined,
  remoteAddress: string,
  envelopeFrom: string,
): ReportRow | undefined {
  const { dmarc, spf, dkim } = authentication;
  if (dmarc?.record === undefined || (dmarc.result !== 'pass' && dmarc.result !== 'fail')) return undefined;
  return {
    policy: dmarc.record,
    sourceAddress: remoteAddress,
    disposition: disposition?.disposition ?? 'none',
    ...(disposition?.override === undefined ? {} : { override: disposition.override }),
    ...(disposition?.comment === undefined ? {} : { comment: disposition.comment }),
    dkim: dmarc.isDkimAligned ? 'pass' : 'fail',
    spf: dmarc.isSpfAligned ? 'pass' : 'fail',
    headerFrom: dmarc.domain,
    envelopeFrom,
    dkimResults: dkim.map(({ domain, selector, result }) => ({ domain, selector, result })),
    ...(spf === undefined
      ? {}
      : {
          spfResult: {
            domain: spf.domain,
            scope: spf.scope === 'helo' ? 'helo' : 'mfrom',
            result: spf.result,
          },
        }),
  };
}
