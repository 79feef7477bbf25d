/** Beginning deliveries while there are slots, and what follows from each. */
import { formatReply, reply } from '../../values/reply.js';
import type { DeliveryReport } from '../../values/report.js';
import { attempt } from './attempt.js';
import { noOutcomeReply } from './conclude.js';
import type { DeliveryJob } from './delivery-job.js';
import { giveBack, giveBackJob } from './give-back.js';
import type { Hands } from './hands.js';
import { tenantOf } from './matches-filter.js';
import { settleEnded } from './settle-ended.js';
import { judgeReport } from './site-health.js';
import { deferJob } from './take-recipients.js';

/** RFC 3463 section 3.5: X.4.5, mail system congestion. */
const congestedReply = reply(451, '4.5', 'no delivery to the site could begin in time');

/** RFC 3463 section 3.5: X.4.7, delivery time expired. */
const tooLateReply = reply(451, '4.7', 'the time by which the sender wanted it delivered is over');

/** RFC 2852 section 4.1: in mode R a message must not be delivered after its time; it waited too long for its turn. */
function isTooLate({ message }: DeliveryJob, nowMs: number): boolean {
  const { deliverBy } = message.parameters;
  return deliverBy?.mode === 'return' && nowMs > deliverBy.atMs;
}

/** Begins what may begin now. */
export function beginJobs(hands: Hands): void {
  for (let job = next(hands); job !== undefined; job = next(hands)) hands.track(run(hands, job));
}

function next(hands: Hands): DeliveryJob | undefined {
  // While the store refuses to take outcomes, nothing is begun whose outcome it would have to take.
  if (!hands.isRunning() || hands.settler.isFailing) return undefined;
  return hands.sites.next(hands.parts.clock.now());
}

async function run(hands: Hands, job: DeliveryJob): Promise<void> {
  const { policy, clock, random, options, store } = hands.parts;
  if (store.isHeld?.(job.recipients) === false) {
    // Somebody else may be trying them by now. Where nobody does, this makes them ready again.
    hands.sites.ended(job);
    giveBackJob(hands, job);
    hands.sites.forget(job);
    return;
  }
  if (isTooLate(job, clock.now())) {
    hands.sites.ended(job);
    await deferJob(hands, job, { reply: tooLateReply });
    forget(hands, job);
    return;
  }
  const leaseEndsMs = Math.min(...job.recipients.map((one) => one.dueAtMs));
  const leftMs = leaseEndsMs - clock.now();
  if (leftMs < options.leaseMs / 2) {
    // It waited for its turn too long to be tried in what is left of the lease. It counts as a try: else a site whose
    // every delivery hangs would keep it from its delay warning and from the end of its lifetime.
    hands.sites.ended(job);
    await deferJob(hands, job, { reply: congestedReply });
    forget(hands, job);
    return;
  }
  const { ended, report } = await attempt(job, leftMs - options.leaseMs / 10, {
    policy,
    clock,
    random,
    deliveries: hands.deliveries,
    failed: hands.failed,
  });
  hands.sites.ended(job);
  if (report.postponedUntilMs !== undefined && !hands.stopping.aborted) {
    hands.messages.letGo(job.message.id, job.recipients.length);
    giveBack(hands, job.recipients, { dueAtMs: report.postponedUntilMs, site: job.site });
    forget(hands, job);
    return;
  }
  learn(hands, job, report);
  beginJobs(hands);
  await settleEnded(hands, { ...ended, notBeforeMs: report.siteRetryAtMs });
  forget(hands, job);
}

function forget(hands: Hands, job: DeliveryJob): void {
  hands.changed({ isMore: hands.sites.forget(job) });
  beginJobs(hands);
}

/** What the report says about the site. Not while stopping: then deliveries end for reasons of our own. */
function learn(hands: Hands, job: DeliveryJob, report: DeliveryReport): void {
  // Local filing has no site that could be overloaded or away.
  if (hands.stopping.aborted || job.site === 'local') return;
  const { sites } = hands;
  const nowMs = hands.parts.clock.now();
  const outcome = report.outcomes[0] ?? { index: 0, status: 'deferred', reply: noOutcomeReply };
  const judged = judgeReport(report);
  if (judged === 'good') sites.good(job.site, nowMs);
  if (judged === 'trouble') sites.trouble(job.site, nowMs, hands.parts.random.number(), outcome);
  if (report.siteRetryAtMs !== undefined) sites.leaveAlone(job.site, report.siteRetryAtMs, outcome);
  obeyRules(hands, job, report, nowMs);
  const dead = sites.dead(job.site, nowMs);
  if (dead === undefined) return;
  for (const waiting of sites.takeWaiting(job.site)) {
    const deferred = deferJob(hands, waiting, dead.outcome, dead).then(() => forget(hands, waiting));
    hands.track(deferred);
  }
}

/** Does what the rules of the options say about the answers. */
function obeyRules(hands: Hands, job: DeliveryJob, report: DeliveryReport, nowMs: number): void {
  for (const rule of hands.replyRules.ofReport(report, job.site)) {
    const outcome = report.outcomes.find((one) => hands.replyRules.find(one, job.site) === rule);
    if (outcome === undefined) continue;
    const { pauseSiteMs, slow, suspendTenantMs } = rule;
    if (pauseSiteMs !== undefined) hands.sites.leaveAlone(job.site, nowMs + pauseSiteMs, outcome);
    if (slow !== undefined) hands.sites.slowDown(job.site, slow.deliveriesMax, nowMs + slow.forMs);
    const tenant = tenantOf(job.message);
    // Strangers are no tenant: they can't be told apart, and one would stop the mail of all.
    if (suspendTenantMs !== undefined && tenant !== '') {
      const reason = `a server answered: ${formatReply(outcome.reply)}`.slice(0, 300);
      const untilMs = nowMs + suspendTenantMs;
      hands.track(hands.suspensions.add({ kind: 'tenant', value: tenant, reason, sinceMs: nowMs, untilMs }));
    }
  }
}
