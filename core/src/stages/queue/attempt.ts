/** One try: asks the policy to deliver, with a deadline and whatever it throws turned into a deferral. */
import { borrowController, returnController } from '../../hooks/spare-controllers.js';
import type { Clock } from '../../services/clock.js';
import type { Random } from '../../services/random.js';
import type { DeliveryReport, RecipientOutcome } from '../../values/report.js';
import type { Route } from '../../values/route.js';
import { noOutcomeReply } from './conclude.js';
import type { DeliveryJob } from './delivery-job.js';
import type { Ended } from './ended.js';
import type { DeliveryRequest, SchedulerPolicy } from './scheduler-policy.js';

/** What a try needs. */
export interface Attempt {
  readonly policy: SchedulerPolicy;
  readonly clock: Clock;
  readonly random: Random;
  /** How each try that is under way is given up; all are called when the server can't wait any longer. */
  readonly deliveries: Set<() => void>;
  /** Something that should not throw has thrown. */
  failed(what: string, error: unknown): void;
}

/** What a try brought. */
export interface Attempted {
  readonly ended: Ended;
  readonly report: DeliveryReport;
}

const nothing: DeliveryReport = { outcomes: [] };

/** Tries until the deadline. Never rejects. */
export async function attempt(job: DeliveryJob, deadlineMs: number, of: Attempt): Promise<Attempted> {
  const request: DeliveryRequest = {
    id: of.random.id(),
    message: job.message,
    recipients: job.recipients,
    route: job.routes[0] as Route,
    routes: job.routes,
    site: job.site,
    startedAtMs: of.clock.now(),
  };
  const report = await deliver(request, deadlineMs, of);
  // What was not tried is no try that anybody would want to hear of.
  if (report.postponedUntilMs !== undefined) return { ended: endedOf(job, report), report };
  try {
    of.policy.attempted(request, report);
  } catch (error) {
    of.failed('attempted', error);
  }
  return { ended: endedOf(job, report), report };
}

function deliver(request: DeliveryRequest, deadlineMs: number, of: Attempt): Promise<DeliveryReport> {
  return new Promise((resolve) => {
    const abort = borrowController();
    const end = (report: DeliveryReport): void => {
      timer.cancel();
      of.deliveries.delete(giveUp);
      returnController(abort);
      resolve(report);
    };
    const giveUp = (): void => {
      abort.abort(new Error('the delivery took too long'));
      // What it still does after this is not heard: the lease may be somebody else's by then.
      end(nothing);
    };
    const timer = of.clock.after(deadlineMs, giveUp);
    of.deliveries.add(giveUp);
    const failed = (error: unknown): void => {
      of.failed('deliver', error);
      end(nothing);
    };
    const reported = (report: DeliveryReport): void => {
      const sound = soundReport(report);
      if (sound !== report) of.failed('deliver', new TypeError('what came back is no report'));
      end(sound ?? nothing);
    };
    try {
      of.policy.deliver(request, abort.signal).then(reported, failed);
    } catch (error) {
      failed(error);
    }
  });
}

/**
 * Reports come from plugins, and not all of them are checked by a compiler: one that is none must not cost its slot, and
 * an outcome that is none counts as missing. `undefined` when nothing of it can be used.
 */
function soundReport(report: DeliveryReport | undefined): DeliveryReport | undefined {
  if (typeof report !== 'object' || report === null || !Array.isArray(report.outcomes)) return undefined;
  const { postponedUntilMs, siteRetryAtMs, outcomes } = report;
  if (!Number.isFinite(postponedUntilMs ?? 0) || !Number.isFinite(siteRetryAtMs ?? 0)) return undefined;
  return outcomes.every(isOutcome) ? report : { ...report, outcomes: outcomes.filter(isOutcome) };
}

function isOutcome(outcome: Partial<RecipientOutcome> | undefined): boolean {
  const { status, reply: said } = outcome ?? {};
  if (status !== 'delivered' && status !== 'deferred' && status !== 'failed') return false;
  return Number.isInteger(said?.code) && (typeof said?.text === 'string' || Array.isArray(said?.text));
}

function endedOf(job: DeliveryJob, report: DeliveryReport): Ended {
  const byIndex = new Map(report.outcomes.map((outcome) => [outcome.index, outcome]));
  const transport = job.routes[0]?.transport;
  return {
    message: job.message,
    site: job.site,
    recipients: job.recipients.map((recipient) => {
      const outcome: RecipientOutcome = byIndex.get(recipient.index) ?? {
        index: recipient.index,
        status: 'deferred',
        reply: noOutcomeReply,
      };
      return { recipient, outcome };
    }),
    successKind: transport === 'mx' || transport === 'smtp' ? 'relayed' : 'success',
    how: howOf(job, report),
    transcript: report.transcript,
  };
}

/** The way and what protected it, in one line. */
function howOf({ routes: [route] }: DeliveryJob, { tls }: DeliveryReport): string | undefined {
  if (route === undefined) return undefined;
  const encrypted = tls === undefined ? '' : `, ${tls}`;
  return `${wayOf(route)}${encrypted}`;
}

function wayOf(route: Route): string {
  switch (route.transport) {
    case 'local':
      return `account ${route.accountId}`;
    case 'mx':
      return `mail exchangers of ${route.domain}`;
    case 'smtp':
    case 'lmtp':
      return `${route.transport} to ${route.host}`;
    case 'custom':
      return `${route.name} to ${route.target}`;
  }
}
