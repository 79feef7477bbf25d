/** The plugin: how TLS to mail exchangers went, day by day, told to their domains (RFC 8460). */
import {
  Clock,
  definePlugin,
  isMailError,
  type Logger,
  Resolver,
  Submission,
  type Timer,
  Worker,
} from '@postroad/core';
import { buildReport, type ReportFacts, reportMessage } from './build-report.js';
import { type CountedResult, DayLog } from './day-log.js';
import { config, type ObserveTlsrptConfig } from './options.js';
import { postReport } from './post-report.js';
import { reportTargets } from './report-targets.js';

const flushMs = 10_000;
/** How often it is looked whether a day is over; reports of many servers then do not come at one moment. */
const reportMs = 1_800_000;

interface Reporter {
  readonly config: ObserveTlsrptConfig;
  readonly hostname: string;
  readonly days: DayLog;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly submission: Submission;
  readonly log: Logger;
}

/** See the README. */
export const observeTlsrpt = definePlugin({
  name: 'observe-tlsrpt',
  description: 'Gathers how TLS to other servers went, and reports it to their domains.',
  config,
  needs: { clock: Clock, resolver: Resolver, submission: Submission, worker: Worker },
  setup({ config, services, hostname, log, tap, onStart, onDrain, defer }) {
    const days = new DayLog(config);
    const reporter: Reporter = { config, hostname, days, log, ...services };
    const timers = new Set<Timer>();
    let isEnded = false;
    const every = (periodMs: number, what: string, run: () => Promise<void>): void => {
      const timer = services.clock.after(periodMs, () => {
        timers.delete(timer);
        run()
          .catch((error: unknown) => log.error(what, { error }))
          .finally(() => {
            if (!isEnded) every(periodMs, what, run);
          });
      });
      timers.add(timer);
    };
    tap('attempted', (_delivery, { tlsSessions = [] }) => {
      for (const result of tlsSessions) days.add(result, services.clock.now());
    });
    onStart(async () => {
      await days.start();
      every(flushMs, 'results of TLS could not be written', () => days.flush());
      // All workers write into the same files; one of them sends.
      if (services.worker.index > 0) return;
      every(reportMs, 'reports of TLS could not be sent', () => reportDue(reporter));
    });
    onDrain(() => days.flush());
    defer(async () => {
      isEnded = true;
      for (const timer of timers) timer.cancel();
      await days.flush();
    });
  },
});

/** Reports every day that is over. A day is done when all its domains were told; after a crash they may be told twice. */
async function reportDue(reporter: Reporter): Promise<void> {
  const { days, clock } = reporter;
  await days.flush();
  // Other workers write down the last results of a day a moment after it.
  for (const day of await days.due(clock.now() - 2 * flushMs)) {
    const byDomain = new Map<string, CountedResult[]>();
    for (const result of await days.read(day)) {
      byDomain.set(result.domain, [...(byDomain.get(result.domain) ?? []), result]);
    }
    for (const [domain, results] of byDomain) await reportTo(reporter, domain, day, results);
    await days.finish(day, clock.now());
  }
}

async function reportTo(
  { config, hostname, clock, resolver, submission, log }: Reporter,
  domain: string,
  day: string,
  results: readonly CountedResult[],
): Promise<void> {
  const { organization, contact } = config;
  const facts: ReportFacts = { organization, contact, hostname, domain, day };
  try {
    const targets = reportTargets(await resolver.txt(`_smtp._tls.${domain}`));
    if (targets.length === 0) return;
    const report = buildReport(facts, results);
    for (const target of targets) {
      if (target.kind === 'web') {
        const status = await postReport(target.url, report.content, { clock, resolver });
        if (status >= 300) log.warn('a report of TLS was refused', { domain, url: target.url, status });
      } else {
        const envelope = { reversePath: contact, recipients: [target.address] };
        await submission.submit(envelope, reportMessage(facts, report, target.address));
      }
    }
    log.info('reported on TLS', { domain, day });
  } catch (error) {
    // The next domain gets its report all the same; of this day this one gets none.
    const level = isMailError(error) ? 'info' : 'warn';
    log[level]('a report of TLS could not be sent', { domain, day, error });
  }
}
