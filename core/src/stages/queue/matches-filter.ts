/** Which recipients a filter means. Pure, and shared by all stores, so that they can't differ. */
import type { QueuedMessage, QueuedRecipient, QueueFilter } from '../../services/queue-store.js';
import { formatAddress, formatReversePath } from '../../values/address.js';
import { formatReply } from '../../values/reply.js';

/** What a filter may have to know of the message. */
export type FilteredMessage = Pick<QueuedMessage, 'reversePath'> &
  Partial<Pick<QueuedMessage, 'origin' | 'receivedAtMs'>>;

/** Whether a recipient is one of the filter's; the message is only asked for when the filter needs it. */
export function matchesFilter(
  filter: QueueFilter,
  recipient: QueuedRecipient,
  message: () => FilteredMessage | undefined,
): boolean {
  if (!matchesRecipient(filter, recipient)) return false;
  if (!messageKeys.some((key) => filter[key] !== undefined)) return true;
  const of = message();
  return of !== undefined && matchesMessage(filter, of);
}

/** Whom a message belongs to: what its origin says, else the account that handed it in; empty for strangers. */
export function tenantOf(message: Pick<QueuedMessage, 'origin'>): string {
  return message.origin.tenant ?? message.origin.accountId ?? '';
}

const messageKeys = [
  'sender',
  'senderDomain',
  'account',
  'tenant',
  'campaign',
  'listener',
  'remoteAddress',
  'receivedBeforeMs',
] as const;

function matchesRecipient(filter: QueueFilter, recipient: QueuedRecipient): boolean {
  const { messageId, state, site, domain, attemptsMin, reply } = filter;
  if (messageId !== undefined && messageId !== recipient.messageId) return false;
  if (state !== undefined && state !== recipient.state) return false;
  if (site !== undefined && site !== recipient.site) return false;
  if (domain !== undefined && domain.toLowerCase() !== recipient.address.domain) return false;
  if (attemptsMin !== undefined && recipient.attempts < attemptsMin) return false;
  if (reply !== undefined) {
    const said = recipient.lastReply === undefined ? '' : formatReply(recipient.lastReply);
    if (!said.toLowerCase().includes(reply.toLowerCase())) return false;
  }
  return filter.recipient === undefined || isSameText(filter.recipient, formatAddress(recipient.address));
}

function matchesMessage(filter: QueueFilter, message: FilteredMessage): boolean {
  const { origin, reversePath } = message;
  const { sender, senderDomain, account, tenant, campaign, listener, remoteAddress } = filter;
  if (sender !== undefined && !isSameText(sender, formatReversePath(reversePath))) return false;
  if (senderDomain !== undefined && senderDomain.toLowerCase() !== (reversePath?.domain ?? '')) return false;
  if (account !== undefined && account !== origin?.accountId) return false;
  if (tenant !== undefined && (origin === undefined || tenant !== tenantOf({ origin }))) return false;
  if (campaign !== undefined && campaign !== origin?.campaign) return false;
  if (listener !== undefined && listener !== origin?.listener) return false;
  if (remoteAddress !== undefined && remoteAddress !== origin?.remoteAddress) return false;
  const { receivedBeforeMs } = filter;
  return (
    receivedBeforeMs === undefined || (message.receivedAtMs ?? Number.POSITIVE_INFINITY) < receivedBeforeMs
  );
}

function isSameText(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
