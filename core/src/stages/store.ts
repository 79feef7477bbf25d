/** The store stage: files a message for the local recipients of one delivery, stored once for all of them. */
import type { Body } from '../body/body.js';
import { messageOf } from '../errors.js';
import type { CompiledHooks } from '../hooks/compile.js';
import { failedDecision } from '../hooks/run-decide.js';
import type { FilingAnswer, FilingQuestion } from '../hooks/table.js';
import type { Logger } from '../services/logger.js';
import type { Filed, Filing, MailboxStore } from '../services/mailbox-store.js';
import type { QueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import type { Spool } from '../services/spool.js';
import { formatReversePath } from '../values/address.js';
import { type HeaderSection, parseHeader } from '../values/header.js';
import { type Reply, reply } from '../values/reply.js';
import type { DeliveryReport, RecipientOutcome } from '../values/report.js';
import type { LocalRoute, Route } from '../values/route.js';
import type { AccountQuotas } from './account-quota.js';
import type { DeliveryRequest } from './queue/scheduler-policy.js';
import { textualBody } from './textual-body.js';

/** What the stage works with. */
export interface StoreOptions {
  readonly hooks: () => CompiledHooks;
  /** Absent when no plugin provides one: local mail is then deferred, and the log says why. */
  readonly store: () => MailboxStore | undefined;
  readonly quotas: AccountQuotas;
  readonly spool: Pick<Spool, 'store'>;
  readonly hostname: string;
  readonly log: Logger;
}

const storedReply = reply(250, '1.5', 'stored');
const quotaReply = reply(452, '2.2', 'mailbox full');
const missingReply = reply(550, '2.1', 'mailbox unavailable');

interface Planned {
  readonly recipient: QueuedRecipient;
  readonly filing: Filing;
}

/** Files the message; a recipient whose account is full or whose store fails is deferred. */
export async function storeLocally(
  options: StoreOptions,
  delivery: DeliveryRequest,
): Promise<DeliveryReport> {
  const { message } = delivery;
  const header = parseHeader(Buffer.concat([Buffer.from(message.headerPrefix), message.body.headerBytes]));
  const outcomes: RecipientOutcome[] = [];
  const planned: Planned[] = [];
  for (const [at, recipient] of delivery.recipients.entries()) {
    const plan = await planFiling(options, message, header, recipient, delivery.routes[at]);
    if ('filing' in plan) planned.push({ recipient, filing: plan.filing });
    else outcomes.push(outcomeOf(options, recipient, plan.reply));
  }
  if (planned.length > 0) outcomes.push(...(await file(options, message, planned)));
  return { outcomes };
}

async function planFiling(
  options: StoreOptions,
  message: QueuedMessage,
  header: HeaderSection,
  recipient: QueuedRecipient,
  route: Route | undefined,
): Promise<{ readonly filing: Filing } | { readonly reply: Reply }> {
  const { accountId, detail } = route as LocalRoute;
  const question: FilingQuestion = { message, header, recipient, accountId, detail };
  const answer = await options.hooks().filing?.(question);
  if (answer !== undefined && 'verdict' in answer) return { reply: answer.reply };
  const { mailbox, flags } = answer ?? defaultFiling(message);
  return { filing: { accountId, mailbox: { name: mailbox }, flags } };
}

function defaultFiling(message: QueuedMessage): FilingAnswer {
  return { mailbox: message.quarantine === undefined ? 'INBOX' : 'Junk', flags: [] };
}

async function file(
  options: StoreOptions,
  message: QueuedMessage,
  planned: readonly Planned[],
): Promise<readonly RecipientOutcome[]> {
  const store = options.store();
  if (store === undefined) {
    options.log.error('local mail has no mailbox store: name a store plugin', { message: message.id });
    return planned.map(({ recipient }) => outcomeOf(options, recipient, failedDecision.reply));
  }
  await options.quotas.applyTo(new Set(planned.map(({ filing }) => filing.accountId)));
  // RFC 5321 section 4.4: the final delivery writes the reverse-path down.
  const prefix = `Return-Path: <${formatReversePath(message.reversePath)}>\r\n${message.headerPrefix}`;
  let textual: Body | undefined;
  try {
    textual = await textualBody(message, options.spool);
    const filed = await store.file(
      { prefix, body: textual ?? message.body, internalDateMs: message.receivedAtMs },
      planned.map((plan) => plan.filing),
    );
    return planned.map((plan, at) => settle(options, message, plan, filed[at]));
  } catch (error) {
    options.log.error('mailbox store failed', { message: message.id, reason: messageOf(error), error });
    return planned.map(({ recipient }) => outcomeOf(options, recipient, failedDecision.reply));
  } finally {
    await textual?.release();
  }
}

function settle(
  options: StoreOptions,
  message: QueuedMessage,
  plan: Planned,
  filed: Filed | undefined,
): RecipientOutcome {
  const { recipient, filing } = plan;
  if (filed?.status !== 'filed') {
    return outcomeOf(options, recipient, filed?.status === 'missing' ? missingReply : quotaReply);
  }
  void options.hooks().stored?.({ message, recipient, accountId: filing.accountId, filed });
  return outcomeOf(options, recipient, storedReply);
}

function outcomeOf(options: StoreOptions, recipient: QueuedRecipient, said: Reply): RecipientOutcome {
  const status = said.code < 300 ? 'delivered' : said.code < 500 ? 'deferred' : 'failed';
  return { index: recipient.index, status, reply: said, remote: { name: options.hostname } };
}
