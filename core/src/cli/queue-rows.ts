/** What is shown of the queue. */
import type { TraceEntry } from '../services/queue.js';
import type { QueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import { formatAddress, formatReversePath } from '../values/address.js';
import { formatReply } from '../values/reply.js';
import { cellText } from './table.js';

/** The answer of `queue.show`. */
export interface ShownMessage {
  readonly message: Omit<QueuedMessage, 'body'> & { readonly sizeBytes: number; readonly subject?: string };
  readonly recipients: readonly QueuedRecipient[];
  /** What happened to it until now, oldest first. */
  readonly timeline?: readonly TraceEntry[];
}

/** A recipient as a row of a table. */
export function recipientRow(recipient: QueuedRecipient, nowMs: number): Readonly<Record<string, unknown>> {
  const { lastReply, holdReason } = recipient;
  return {
    message: recipient.messageId,
    recipient: formatAddress(recipient.address),
    state: recipient.state,
    due: recipient.state === 'waiting' ? formatDelay(recipient.dueAtMs - nowMs) : undefined,
    tries: recipient.attempts,
    site: recipient.site,
    lastAnswer: holdReason ?? (lastReply === undefined ? undefined : formatReply(lastReply)),
  };
}

/** The lines above the recipients of a message. */
export function showMessage({ message }: ShownMessage): readonly string[] {
  const { origin } = message;
  return [
    `Message     ${message.id}`,
    `From        <${formatReversePath(message.reversePath)}>`,
    ...(message.subject === undefined ? [] : [`Subject     ${message.subject}`]),
    `Size        ${message.sizeBytes} octets`,
    `Came by     ${origin.protocol} from ${origin.remoteAddress} (${origin.helloName}) over ${origin.listener}`,
    ...(origin.accountId === undefined ? [] : [`Account     ${origin.accountId}`]),
    ...(origin.tenant === undefined ? [] : [`Tenant      ${origin.tenant}`]),
    ...(origin.campaign === undefined ? [] : [`Campaign    ${origin.campaign}`]),
    `Received    ${new Date(message.receivedAtMs).toISOString()}`,
    `Given up    ${new Date(message.expiresAtMs).toISOString()}`,
    ...(message.quarantine === undefined ? [] : [`Quarantine  ${message.quarantine}`]),
    '',
  ].map(cellText);
}

/** What happened to a message, a line for each event, and what was said below it. */
export function timelineLines(entries: readonly TraceEntry[]): readonly string[] {
  return entries.flatMap((entry) => {
    const at = entry.node === undefined ? undefined : `[${entry.node}]`;
    const facts = [entry.recipient, entry.site, entry.remote, entry.reply, entry.detail, at];
    const told = facts.filter((fact) => fact !== undefined).join('  ');
    const said = (entry.transcript ?? []).map((line) => `      ${cellText(line)}`);
    return [`  ${new Date(entry.atMs).toISOString()}  ${entry.event.padEnd(9)}  ${cellText(told)}`, ...said];
  });
}

/** `in 4m`, `in 2h 05m`, `now`. */
export function formatDelay(delayMs: number): string {
  const minutes = Math.round(delayMs / 60_000);
  if (delayMs <= 0) return 'now';
  if (minutes < 1) return `in ${Math.ceil(delayMs / 1_000)}s`;
  if (minutes < 60) return `in ${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `in ${hours}h ${String(minutes % 60).padStart(2, '0')}m`;
  return `in ${Math.floor(hours / 24)}d ${hours % 24}h`;
}
