/** Whom a message belongs to, read from header fields of those who have logged in: strangers could write anything. */
import type { Message } from '../context/message.js';
import type { MessageOrigin } from '../services/queue-store.js';

/** Where it stands; an empty name means nowhere. */
export interface BelongingOptions {
  readonly tenantHeader: string;
  readonly campaignHeader: string;
}

const lengthMax = 100;

/** Tenant and campaign, as far as the message says. */
export function belongingOf(
  options: BelongingOptions,
  message: Message,
): Pick<MessageOrigin, 'tenant' | 'campaign'> {
  if (message.transaction.connection.identity === undefined) return {};
  const tenant = fieldOf(message, options.tenantHeader);
  const campaign = fieldOf(message, options.campaignHeader);
  return { ...(tenant === undefined ? {} : { tenant }), ...(campaign === undefined ? {} : { campaign }) };
}

function fieldOf(message: Message, name: string): string | undefined {
  if (name === '') return undefined;
  const value = message.body.header.get(name)?.trim().slice(0, lengthMax);
  return value === '' ? undefined : value;
}
