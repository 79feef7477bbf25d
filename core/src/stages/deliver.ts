/** The deliver stage: what the scheduler asks, answered by hooks. Undecided refuses: nobody knows the way. */
import { isThenable } from '../hooks/call.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { MaybePromise } from '../hooks/kinds.js';
import { failedDecision } from '../hooks/run-decide.js';
import type { DsnDraft, DsnSubject, EgressPolicy } from '../hooks/table.js';
import type { Clock } from '../services/clock.js';
import type { Logger } from '../services/logger.js';
import type { NewQueuedMessage, QueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import type { Random } from '../services/random.js';
import { formatAddress } from '../values/address.js';
import { formatReply, type Reply, reply } from '../values/reply.js';
import type { DeliveryReport } from '../values/report.js';
import type { Route } from '../values/route.js';
import { type Refusal, reject } from '../values/verdict.js';
import { dressDsn } from './dress-dsn.js';
import { buildDsn, defaultDsnDraft } from './dsn.js';
import type { DeliveryRequest, SchedulerPolicy } from './queue/scheduler-policy.js';
import { type StoreOptions, storeLocally } from './store.js';

/** What the stage works with. */
export interface DeliverOptions extends StoreOptions {
  readonly hooks: () => CompiledHooks;
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const unroutable = reject(550, '4.4', 'no route to the recipient');
const undeliverable = reply(550, '4.4', 'no way of delivery for the recipient');
const defaultEgress: EgressPolicy = Object.freeze({});

/** The scheduler's policy of one generation. */
export function createDeliverPolicy(options: DeliverOptions): SchedulerPolicy {
  return {
    route: (message, recipient) => route(options, message, recipient),
    site: (of) => (options.hooks().site === null ? undefined : site(options, of)),
    deliver: (delivery, signal) => deliver(options, delivery, signal),
    async retry(question) {
      const answer = await options.hooks().schedule?.(question);
      return answer === undefined || 'verdict' in answer ? undefined : answer;
    },
    async survey(delivery) {
      const { egress: hook, survey } = options.hooks();
      const answer = await hook?.(delivery);
      const egress = answer === undefined || 'verdict' in answer ? defaultEgress : answer;
      const findings = (await survey?.({ ...delivery, egress })) ?? [];
      return { egress, findings };
    },
    notify: (kind, subject) => notify(options, kind, subject),
    attempted(delivery, report) {
      logOutcomes(options.log, delivery, report);
      void options.hooks().attempted?.({ ...delivery, egress: defaultEgress }, report);
    },
    settled(event) {
      void options.hooks().settled?.(event);
    },
  };
}

function route(
  options: DeliverOptions,
  message: QueuedMessage,
  recipient: QueuedRecipient,
): MaybePromise<Route | Refusal> {
  const { route: hook, returnPath } = options.hooks();
  const answer = hook?.(message, recipient);
  const goOn = (found: Route | Refusal | undefined): MaybePromise<Route | Refusal> =>
    returnPath === null
      ? (found ?? unroutable)
      : withReturnPath(returnPath, message, recipient, found ?? unroutable);
  return isThenable(answer) ? Promise.resolve(answer).then(goOn) : goOn(answer);
}

async function withReturnPath(
  returnPath: NonNullable<CompiledHooks['returnPath']>,
  message: QueuedMessage,
  recipient: QueuedRecipient,
  answer: Route | Refusal,
): Promise<Route | Refusal> {
  if (message.reversePath === null || !('transport' in answer)) return answer;
  if (answer.transport === 'local' || answer.transport === 'custom') return answer;
  const path = await returnPath(message, recipient);
  if (path === undefined) return answer;
  return 'verdict' in path ? failedDecision : { ...answer, reversePath: path };
}

async function site(options: DeliverOptions, of: Route): Promise<string | undefined> {
  const answer = await options.hooks().site?.(of);
  // Not knowing which servers a domain shares must not stop its mail: it then is a site of its own.
  return typeof answer === 'string' ? answer : undefined;
}

async function deliver(
  options: DeliverOptions,
  request: DeliveryRequest,
  signal: AbortSignal,
): Promise<DeliveryReport> {
  if (request.route.transport === 'local') return storeLocally(options, request);
  const egress = await options.hooks().egress?.(request);
  if (egress !== undefined && 'verdict' in egress)
    return reportAll(request, 'deferred', failedDecision.reply);
  if (egress?.postponedUntilMs !== undefined)
    return { outcomes: [], postponedUntilMs: egress.postponedUntilMs };
  // A hook's signal follows the `signal` of its input: here that of the try.
  const delivery = { ...request, egress: egress ?? defaultEgress, signal };
  const report = await options.hooks().deliver?.(delivery);
  if (report === undefined) return reportAll(request, 'failed', undeliverable);
  if ('verdict' in report) return reportAll(request, 'deferred', report.reply);
  return report;
}

/** One line for each recipient of a try: what an operator looks for when somebody asks where their message is. */
function logOutcomes(log: Logger, delivery: DeliveryRequest, report: DeliveryReport): void {
  for (const outcome of report.outcomes) {
    const recipient = delivery.recipients.find((one) => one.index === outcome.index);
    if (recipient === undefined) continue;
    log.info(outcome.status, {
      message: delivery.message.id,
      recipient: formatAddress(recipient.address),
      site: delivery.site,
      attempt: recipient.attempts,
      reply: formatReply(outcome.reply),
      ...(outcome.remote === undefined ? {} : { remote: outcome.remote.name }),
      ...(report.tls === undefined ? {} : { tls: report.tls }),
    });
  }
}

function reportAll(request: DeliveryRequest, status: 'deferred' | 'failed', said: Reply): DeliveryReport {
  return { outcomes: request.recipients.map(({ index }) => ({ index, status, reply: said })) };
}

async function notify(
  options: DeliverOptions,
  kind: DsnDraft['kind'],
  subject: DsnSubject,
): Promise<NewQueuedMessage | undefined> {
  const draft = defaultDsnDraft(options, kind, subject);
  const answer = await options.hooks().dsn?.(subject, draft);
  // A tap that fails must not cost the sender the notification.
  const written = answer === undefined || 'verdict' in answer ? draft : answer;
  const dsn = await buildDsn(options, kind, subject, written);
  return dsn === undefined ? undefined : await dressDsn({ ...options, hooks: options.hooks() }, dsn);
}
