/** The part of a DSN for machines: message/delivery-status (RFC 3464 section 2), or its UTF-8 form (RFC 6533). */
import type { DsnDraft, DsnSubject } from '../hooks/table.js';
import { formatAddress, isInternationalAddress, type MailAddress } from '../values/address.js';
import { formatDate } from '../values/date.js';
import { enhancedStatus, formatReply } from '../values/reply.js';
import type { RecipientOutcome } from '../values/report.js';
import { statusField } from './dsn-encoding.js';
import { giveUpAtMs } from './queue/retry-schedule.js';

/** What the part tells. */
export interface DeliveryStatusOptions {
  readonly hostname: string;
  readonly kind: DsnDraft['kind'];
  readonly subject: DsnSubject;
  readonly nowMs: number;
  readonly isInternational: boolean;
}

const actions = { failure: 'failed', delay: 'delayed', success: 'delivered', relayed: 'relayed' } as const;

/** The part with its header. */
export function deliveryStatusPart(options: DeliveryStatusOptions): Buffer {
  const { message } = options.subject;
  const field = (name: string, value: string) => statusField(name, value, options.isInternational);
  const type = options.isInternational ? 'global-delivery-status' : 'delivery-status';
  const encoding = options.isInternational ? '8bit' : '7bit';
  let text = `Content-Type: message/${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  if (message.parameters.envid !== undefined) text += field('Original-Envelope-Id', message.parameters.envid);
  text += field('Reporting-MTA', `dns; ${options.hostname}`);
  text += field('Arrival-Date', formatDate(message.receivedAtMs));
  for (const entry of options.subject.recipients) text += `\r\n${recipientFields(options, entry, field)}`;
  return Buffer.from(text);
}

/** RFC 3464 section 2.3: one group of fields for each recipient. */
function recipientFields(
  options: DeliveryStatusOptions,
  { recipient, outcome }: DsnSubject['recipients'][number],
  field: (name: string, value: string) => string,
): string {
  let text = '';
  if (recipient.orcpt !== undefined) text += field('Original-Recipient', recipient.orcpt.replace(';', '; '));
  text += field('Final-Recipient', finalRecipient(recipient.address, options.isInternational));
  text += field('Action', actions[options.kind]);
  text += field('Status', statusOf(options.kind, outcome));
  if (outcome.remote !== undefined) {
    text += field('Remote-MTA', `dns; ${outcome.remote.name}`);
    // RFC 3464 section 2.3.6: `smtp` is for the words of another server.
    text += field('Diagnostic-Code', `smtp; ${formatReply(outcome.reply)}`);
  } else if (options.kind === 'failure' || options.kind === 'delay') {
    text += field('Diagnostic-Code', `x-postroad; ${formatReply(outcome.reply)}`);
  }
  text += field('Last-Attempt-Date', formatDate(recipient.lastAttemptAtMs ?? options.nowMs));
  if (options.kind === 'delay')
    text += field('Will-Retry-Until', formatDate(giveUpAtMs(options.subject.message)));
  return text;
}

/** RFC 6533 section 3: the type `utf-8` carries any address. */
function finalRecipient(address: MailAddress, isInternational: boolean): string {
  const type = isInternational && isInternationalAddress(address) ? 'utf-8' : 'rfc822';
  return `${type}; ${formatAddress(address)}`;
}

/** RFC 3463: the status of the reply; without one only its class is known. A reply that contradicts gives way. */
function statusOf(kind: DsnDraft['kind'], outcome: RecipientOutcome): string {
  const classDigit = Math.floor(outcome.reply.code / 100);
  const isFitting = kind === 'failure' ? classDigit >= 4 : classDigit === (kind === 'delay' ? 4 : 2);
  if (isFitting) return enhancedStatus(outcome.reply) ?? `${classDigit}.0.0`;
  return { failure: '5.0.0', delay: '4.0.0', success: '2.0.0', relayed: '2.0.0' }[kind];
}
