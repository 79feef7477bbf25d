/** The reports that came, one line of JSON for each row, in a file for each day of their arrival; and their sum. */
import { appendFile, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Body, type MimePart, parseStructure, transferDecoder } from '@postroad/core';
import { dayOf } from './day-files.js';
import { type ReceivedRow, readReport } from './read-report.js';
import { unpack, xmlOctetsMax } from './unpack.js';

/** Rows of all files that a summary looks at, and reports that it tells apart. */
const rowsMax = 2_000_000;
const types = new Set([
  'application/gzip',
  'application/x-gzip',
  'application/zip',
  'application/x-zip-compressed',
  'text/xml',
  'application/xml',
  'application/octet-stream',
]);

/** The rows of the first report in a message; rejects when there is none that can be read. */
export async function reportOf(message: Body): Promise<readonly ReceivedRow[]> {
  const { structure } = await parseStructure('', message);
  const part = leaves(structure).find((one) => types.has(`${one.type}/${one.subtype}`));
  if (part === undefined) throw new RangeError('the message has no report');
  const decoder = transferDecoder(part.encoding);
  const chunks: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length > xmlOctetsMax) throw new RangeError('the report is too large');
    chunks.push(Buffer.from(chunk));
  };
  for await (const octets of message.open({ start: part.bodyStart, end: part.bodyEnd }))
    take(decoder.write(Buffer.from(octets)));
  take(decoder.end());
  return readReport(await unpack(Buffer.concat(chunks)));
}

function leaves(part: MimePart): readonly MimePart[] {
  return part.children.length === 0 ? [part] : part.children.flatMap(leaves);
}

/** Keeps the rows. */
export async function keepReport(
  directory: string,
  rows: readonly ReceivedRow[],
  nowMs: number,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await appendFile(join(directory, `${dayOf(nowMs)}.jsonl`), lines, { mode: 0o600, flush: true });
}

/** Deletes what came before that. */
export async function forgetReports(directory: string, beforeMs: number): Promise<void> {
  for (const name of await filesIn(directory))
    if (name.slice(0, 10) < dayOf(beforeMs)) await rm(join(directory, name));
}

/** What all reports say about one source that sends for a domain. */
export interface SummaryRow {
  readonly domain: string;
  readonly source: string;
  readonly messages: number;
  readonly passed: number;
  readonly dkim: number;
  readonly spf: number;
  readonly quarantined: number;
  readonly rejected: number;
  readonly reporters: string;
}

/** Sums up what is about the days from then on; sources with the most failures first. A report that came twice counts once. */
export async function summarize(
  directory: string,
  fromMs: number,
  domain?: string,
): Promise<readonly SummaryRow[]> {
  const sums = new Map<
    string,
    { -readonly [K in keyof SummaryRow]: SummaryRow[K] } & { names: Set<string> }
  >();
  const seen = new Set<string>();
  let left = rowsMax;
  for (const name of await filesIn(directory)) {
    const handle = await open(join(directory, name));
    for await (const line of handle.readLines()) {
      const row = parse(line);
      if (row === undefined || row.endMs < fromMs || (domain !== undefined && row.domain !== domain))
        continue;
      const id = `${row.reporter} ${row.reportId} ${row.sourceAddress} ${row.headerFrom} ${row.disposition} ${row.dkim} ${row.spf} ${row.count}`;
      if (left-- <= 0) break;
      if (seen.has(id)) continue;
      seen.add(id);
      const key = `${row.domain} ${row.sourceAddress}`;
      const sum = sums.get(key) ?? {
        domain: row.domain,
        source: row.sourceAddress,
        messages: 0,
        passed: 0,
        dkim: 0,
        spf: 0,
        quarantined: 0,
        rejected: 0,
        reporters: '',
        names: new Set(),
      };
      sums.set(key, sum);
      sum.messages += row.count;
      if (row.dkim === 'pass' || row.spf === 'pass') sum.passed += row.count;
      if (row.dkim === 'pass') sum.dkim += row.count;
      if (row.spf === 'pass') sum.spf += row.count;
      if (row.disposition === 'quarantine') sum.quarantined += row.count;
      if (row.disposition === 'reject') sum.rejected += row.count;
      if (sum.names.size < 10) sum.names.add(row.reporter);
    }
    await handle.close();
  }
  return [...sums.values()]
    .sort((a, b) => b.messages - b.passed - (a.messages - a.passed) || b.messages - a.messages)
    .map(({ names, ...sum }) => ({ ...sum, reporters: [...names].join(', ') }));
}

async function filesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => /^\d{4}-\d\d-\d\d\.jsonl$/.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function parse(line: string): ReceivedRow | undefined {
  try {
    return JSON.parse(line) as ReceivedRow;
  } catch {
    return undefined; // A line that was cut off by a crash.
  }
}
