/**
 * Delivery status notifications (RFC 3464) in multipart/report (RFC 6522): what tells a sender of the fate of a
 * message. Used by the queue when a recipient fails, is late, or was asked about. None is ever sent about a message
 * with a null reverse-path or about an automatic answer, and none to anybody but the reverse-path (RFC 3834, RFC 5321
 * section 6.1): otherwise bounces would answer bounces.
 */
import { bodyFromBytes } from '../body/inline-body.js';
import type { DsnDraft, DsnSubject } from '../hooks/table.js';
import type { Clock } from '../services/clock.js';
import type { NewQueuedMessage, QueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import type { Random } from '../services/random.js';
import { formatAddress, isInternationalAddress, type MailAddress } from '../values/address.js';
import { formatDate } from '../values/date.js';
import { defaultEnvelopeParameters } from '../values/envelope.js';
import { encodeWords, isAscii, textPart } from './dsn-encoding.js';
import { mediaTypeOf, originalPart } from './dsn-original.js';
import { deliveryStatusPart } from './dsn-status.js';
import { dsnSubject, dsnText } from './dsn-text.js';

/** What a DSN is made with. */
export interface DsnOptions {
  readonly hostname: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'id'>;
  /** Messages up to this size come back whole when they fail; of larger ones the header. Default 64 KiB. */
  readonly copyOctetsMax?: number;
  /** How long the DSN itself may wait in the queue; default five days. */
  readonly lifetimeMs?: number;
}

const copyOctetsMaxDefault = 65_536;
const lifetimeMsDefault = 5 * 86_400_000;

/** Whether the sender wants to hear of this recipient (RFC 3461 section 4.1); failure and delay by default. */
export function isDsnWanted(kind: DsnDraft['kind'], recipient: Pick<QueuedRecipient, 'notify'>): boolean {
  const { notify } = recipient;
  if (notify === 'never') return false;
  // RFC 3461 section 5.2.2: who asked for success hears when the duty to tell could not be handed on.
  const event = kind === 'relayed' ? 'success' : kind;
  return notify === undefined ? event !== 'success' : notify.includes(event);
}

/** Whether a message may be answered with a DSN at all. */
export function isDsnAllowed(message: QueuedMessage, kind: DsnDraft['kind'] = 'failure'): boolean {
  if (message.reversePath === null) return false;
  // Whoever is named there has sent nothing: the DSN would be to a stranger.
  if (message.origin.isSenderForged === true) return false;
  // Lists count the failures of their subscribers, and have no use for anything else.
  if (kind !== 'failure' && isFromList(message)) return false;
  // RFC 3834 section 2: an automatic answer is not answered, and neither is a report that came with a wrong path.
  const automatic = message.body.header.get('Auto-Submitted')?.toLowerCase() ?? '';
  return !automatic.startsWith('auto-replied') && mediaTypeOf(message.body.header) !== 'multipart/report';
}

/** RFC 2919 section 3, and the older custom that RFC 3834 section 2 names. */
function isFromList({ body }: QueuedMessage): boolean {
  if (body.header.get('List-Id') !== undefined) return true;
  return /^\s*(?:list|bulk|junk)\s*$/i.test(body.header.get('Precedence') ?? '');
}

/** The subject and text that a DSN has unless a `dsn` tap writes others. */
export function defaultDsnDraft(
  options: Pick<DsnOptions, 'hostname'>,
  kind: DsnDraft['kind'],
  subject: DsnSubject,
): DsnDraft {
  return { kind, subject: dsnSubject(kind), text: dsnText(options.hostname, kind, subject) };
}

/**
 * Builds the message, ready to be put in the queue; `undefined` when none may be sent or nobody wants it. The
 * recipients that did not ask for this kind are left out.
 */
export async function buildDsn(
  options: DsnOptions,
  kind: DsnDraft['kind'],
  subject: DsnSubject,
  draft: DsnDraft,
): Promise<NewQueuedMessage | undefined> {
  const { message } = subject;
  const recipients = subject.recipients.filter(({ recipient }) => isDsnWanted(kind, recipient));
  if (message.reversePath === null || recipients.length === 0 || !isDsnAllowed(message, kind))
    return undefined;
  const wanted = { message, recipients };
  const id = options.random.id();
  const now = options.clock.now();
  const isInternational = needsUtf8(wanted);
  const parts = [
    textPart(draft.text),
    deliveryStatusPart({ hostname: options.hostname, kind, subject: wanted, nowMs: now, isInternational }),
    await originalPart(message, {
      isWhole: kind === 'failure',
      isInternational,
      copyOctetsMax: options.copyOctetsMax ?? copyOctetsMaxDefault,
    }),
  ];
  const boundary = `=_${options.random.id()}`;
  const header = dsnHeader(options, {
    id,
    now,
    boundary,
    draft,
    message,
    to: message.reversePath,
    isInternational,
  });
  const bytes = joinParts(header, boundary, parts);
  const is8bit = !isAscii(bytes);
  return {
    id,
    reversePath: null,
    parameters: {
      ...defaultEnvelopeParameters,
      bodyType: is8bit ? '8bitmime' : '7bit',
      smtpUtf8: isInternationalAddress(message.reversePath),
    },
    headerPrefix: '',
    body: bodyFromBytes(bytes),
    origin: { protocol: 'local', listener: 'dsn', remoteAddress: '', helloName: options.hostname },
    receivedAtMs: now,
    expiresAtMs: now + (options.lifetimeMs ?? lifetimeMsDefault),
    recipients: [{ address: message.reversePath, notify: 'never', site: 'new' }],
  };
}

/** RFC 6533 section 3: addresses or a header in UTF-8 need the parts made for them. */
function needsUtf8({ message, recipients }: DsnSubject): boolean {
  if (message.parameters.smtpUtf8) return true;
  if (message.reversePath !== null && isInternationalAddress(message.reversePath)) return true;
  return recipients.some(({ recipient }) => isInternationalAddress(recipient.address));
}

interface HeaderFacts {
  readonly id: string;
  readonly now: number;
  readonly boundary: string;
  readonly draft: DsnDraft;
  readonly message: QueuedMessage;
  readonly to: MailAddress;
  readonly isInternational: boolean;
}

function dsnHeader({ hostname }: DsnOptions, facts: HeaderFacts): string {
  const { boundary, draft, message, isInternational } = facts;
  const about = message.body.header.get('Message-ID');
  const isReference = about !== undefined && /^<[!-;=?-~]{1,250}>$/.test(about);
  // RFC 6522 section 3: the report type is the subtype of the part that machines read.
  const reportType = isInternational ? 'global-delivery-status' : 'delivery-status';
  return [
    `Date: ${formatDate(facts.now)}`,
    `From: Mail Delivery System <postmaster@${hostname}>`,
    `To: <${formatAddress(facts.to)}>`,
    `Subject: ${encodeWords(draft.subject)}`,
    `Message-ID: <${facts.id}@${hostname}>`,
    ...(isReference ? [`In-Reply-To: ${about}`, `References: ${about}`] : []),
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=${reportType};\r\n boundary="${boundary}"`,
    '',
    '',
  ].join('\r\n');
}

function joinParts(header: string, boundary: string, parts: readonly Uint8Array[]): Buffer {
  const pieces: Uint8Array[] = [
    Buffer.from(`${header}This is a delivery report in several parts (RFC 3464).\r\n`),
  ];
  for (const part of parts) pieces.push(Buffer.from(`\r\n--${boundary}\r\n`), part);
  pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`));
  return Buffer.concat(pieces);
}
