/**
 * Sending the reports of days that have ended. What was sent is noted at once. After a crash in between a report is sent
 * again with the same identifier, by which its reader knows it (RFC 7489 section 7.2.1.1).
 */
import { createHash } from 'node:crypto';
import {
  type Clock,
  isMailError,
  type Logger,
  messageOf,
  type Random,
  type Resolver,
  type Submission,
} from '@postroad/core';
import { type DayFiles, dayBegin, dayEnd } from './day-files.js';
import { type Destination, isAuthorized, parseDestinations } from './destinations.js';
import type { ObserveDmarcConfig } from './options.js';
import { reportMessage } from './report-message.js';
import { type ReportFacts, reportXml } from './report-xml.js';
import type { CountedRow } from './row.js';

/** What sending needs. */
export interface SendReportsOptions {
  readonly config: ObserveDmarcConfig;
  readonly hostname: string;
  readonly files: DayFiles;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly resolver: Pick<Resolver, 'txt'>;
  readonly submission: Submission;
  readonly log: Logger;
}

/** Sends what is due. A day of which something must be tried again stays; after a week it is given up. */
export async function sendReports(
  options: SendReportsOptions,
  jitterMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const { files, clock, log } = options;
  for (const day of await files.days()) {
    // Other workers write down the last rows of a day a moment after it.
    if (clock.now() < dayEnd(day) + jitterMs + 2 * options.config.flushMs) continue;
    const isComplete = await sendDay(options, day, signal);
    if (isComplete || clock.now() > dayEnd(day) + 7 * 86_400_000) await files.finish(day);
    else log.info('some DMARC reports must be tried again', { day });
  }
}

async function sendDay(
  options: SendReportsOptions,
  day: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const sent = await options.files.notes(day);
  let isComplete = true;
  for (const [domain, rows] of byDomain(await options.files.read(day))) {
    const policy = rows.at(-1)?.row.policy;
    if (policy === undefined) continue;
    for (const destination of parseDestinations(policy.tags.rua)) {
      signal?.throwIfAborted();
      const note = `${domain} ${destination.address}`;
      if (sent.has(note)) continue;
      const facts: ReportFacts = {
        organization: options.config.organization ?? options.hostname,
        address: options.config.address,
        id: `${day.replaceAll('-', '')}.${digest(options.hostname, domain, destination.address)}`,
        beginMs: dayBegin(day),
        endMs: dayEnd(day),
        policy,
      };
      if (await sendOne(options, facts, rows, destination, signal)) await options.files.note(day, note);
      else isComplete = false;
    }
  }
  return isComplete;
}

/** The same for the same report, whenever it is made. */
function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 24);
}

function byDomain(rows: readonly CountedRow[]): ReadonlyMap<string, readonly CountedRow[]> {
  const domains = new Map<string, CountedRow[]>();
  for (const counted of rows) {
    const { domain } = counted.row.policy;
    domains.set(domain, [...(domains.get(domain) ?? []), counted]);
  }
  return domains;
}

/** Whether it is settled: sent, or not to be sent at all. */
async function sendOne(
  { resolver, submission, random, hostname, log }: SendReportsOptions,
  facts: ReportFacts,
  rows: readonly CountedRow[],
  destination: Destination,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { domain } = facts.policy;
  const fields = { domain, to: destination.address };
  const isWanted = await isAuthorized(resolver, domain, destination, signal);
  if (isWanted === undefined) return false;
  if (!isWanted) {
    log.info('a DMARC report is not wanted by whom it should go to', fields);
    return true;
  }
  const boundary = `=_${random.id()}`;
  const content = await reportMessage({
    facts,
    xml: reportXml(facts, rows),
    hostname,
    to: destination.address,
    boundary,
  });
  if (content.length > destination.octetsMax) {
    log.info('a DMARC report is larger than wanted', { ...fields, sizeBytes: content.length });
    return true;
  }
  try {
    const { id } = await submission.submit(
      { reversePath: facts.address, recipients: [destination.address] },
      content,
    );
    log.info('a DMARC report is on its way', { ...fields, message: id });
    return true;
  } catch (error) {
    const isFinal = isMailError(error, 'E_REFUSED') && (error.reply?.code ?? 400) >= 500;
    log.warn('a DMARC report could not be sent', { ...fields, reason: messageOf(error), isFinal });
    return isFinal;
  }
}
