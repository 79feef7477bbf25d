/** Reading the aggregate reports of others. Strangers write them: everything is checked and bounded. */
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

/** What a report says about one source of mail. */
export interface ReceivedRow {
  readonly reporter: string;
  readonly reportId: string;
  readonly beginMs: number;
  readonly endMs: number;
  readonly domain: string;
  readonly sourceAddress: string;
  readonly count: number;
  readonly disposition: string;
  readonly dkim: string;
  readonly spf: string;
  readonly headerFrom: string;
}

/** Rows of one report that are taken. */
const rowsMax = 100_000;

/** Some write an element once more than they should: the first one counts. */
const one = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (Array.isArray(value) ? value[0] : value), schema);
const text = one(
  z
    .string()
    .default('')
    .transform((value) => printable(value)),
);
const number = one(
  z
    .string()
    .regex(/^\s*\d{1,15}\s*$/)
    .transform(Number),
);

const schema = z.object({
  feedback: z.object({
    report_metadata: one(
      z.object({
        org_name: text,
        report_id: text,
        date_range: one(z.object({ begin: number, end: number })),
      }),
    ),
    policy_published: one(z.object({ domain: text })),
    record: z.preprocess(
      (value) => [value ?? []].flat().slice(0, rowsMax),
      z.array(
        z.object({
          row: one(
            z.object({
              source_ip: text,
              count: number,
              policy_evaluated: one(z.object({ disposition: text, dkim: text, spf: text })),
            }),
          ),
          identifiers: one(z.object({ header_from: text })),
        }),
      ),
    ),
  }),
});

/** Entities are not expanded by the parser, so that none can grow. */
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: false,
  removeNSPrefix: true,
});

/** The rows; throws for what is no report. */
export function readReport(xml: string): readonly ReceivedRow[] {
  const { feedback } = schema.parse(parser.parse(xml));
  const { org_name, report_id, date_range } = feedback.report_metadata;
  return feedback.record.map(({ row, identifiers }) => ({
    reporter: org_name,
    reportId: report_id,
    beginMs: date_range.begin * 1_000,
    endMs: date_range.end * 1_000,
    domain: feedback.policy_published.domain.toLowerCase(),
    sourceAddress: row.source_ip,
    count: row.count,
    disposition: row.policy_evaluated.disposition,
    dkim: row.policy_evaluated.dkim,
    spf: row.policy_evaluated.spf,
    headerFrom: identifiers.header_from.toLowerCase(),
  }));
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Short, on one line, and nothing that a terminal would obey. */
function printable(value: string): string {
  return value
    .slice(0, 300)
    .replace(
      /&(?:(lt|gt|amp|quot|apos)|#(\d{1,6}));/g,
      (_all, name: string | undefined, code: string | undefined) =>
        name === undefined ? String.fromCodePoint(Number(code)) : (entities[name] ?? ''),
    )
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
}
