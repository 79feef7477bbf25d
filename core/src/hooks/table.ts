/**
 * THE extension surface: every hook stands here once, as a type and as a row. Add a hook in both places and let the
 * compiler list the rest; `docs/hooks.md` is made from the rows.
 */
import type { Body } from '../body/body.js';
import type { Connection } from '../context/connection.js';
import type { Message } from '../context/message.js';
import type { Transaction } from '../context/transaction.js';
import type { Filed, Mailbox } from '../services/mailbox-store.js';
import type { QueuedMessage, QueuedRecipient } from '../services/queue-store.js';
import type { MailAddress, ReversePath } from '../values/address.js';
import type { Envelope, EnvelopeRecipient } from '../values/envelope.js';
import type { Finding } from '../values/finding.js';
import type { HeaderPrefix, HeaderSection } from '../values/header.js';
import type { Credentials, Identity } from '../values/identity.js';
import type { ReceivedReport } from '../values/received-report.js';
import type { Reply } from '../values/reply.js';
import type { DeliveryReport, RecipientOutcome } from '../values/report.js';
import type { Route, TlsPolicy } from '../values/route.js';
import type { Attributed, RecipientVerdict, Refusal, Verdict } from '../values/verdict.js';
import type { Decide, Gather, MaybePromise, Observe, Transform } from './kinds.js';

/** Something that was refused, for observers. */
export interface RefusedEvent extends Attributed {
  readonly connection: Connection;
  readonly transaction: Transaction | undefined;
  /** The hook or the rule of the core that refused. */
  readonly at: string;
  readonly reply: Reply;
  /** What the client sent, an octet a character, when it is no command that the server knows. */
  readonly line?: string;
}

/** A login that was not granted. */
export interface LoginFailure {
  readonly connection: Connection;
  readonly mechanism: string;
  /** What the client called itself: anything at all. Empty when a token or a certificate says it. */
  readonly login: string;
  /** `refused`: wrong. `deferred`: it could not be told. */
  readonly status: 'refused' | 'deferred';
  /** `hook`: a tap of `credentials` refused, and nothing was looked at. `proof`: what was shown was not right. */
  readonly at: 'hook' | 'proof';
}

/** One try to deliver one message to recipients of one site. */
export interface Delivery {
  readonly id: string;
  readonly message: QueuedMessage;
  readonly recipients: readonly QueuedRecipient[];
  /** The route of the first recipient; the others differ from it only when they are local. */
  readonly route: Route;
  /** The route of each recipient, in their order: local ones go to accounts of their own. */
  readonly routes: readonly Route[];
  readonly site: string;
  readonly egress: EgressPolicy;
  readonly startedAtMs: number;
}

/** How to leave the house; what is absent is the deliverer's default. */
export interface EgressPolicy {
  /** Local address to connect from. */
  readonly sourceAddress?: string;
  /** The name to say in EHLO. */
  readonly helloName?: string;
  readonly tls?: TlsPolicy;
  /** Most connections to the site at once from this source. */
  readonly connectionsMax?: number;
  /** Most new connections to the site from this source in so much time. */
  readonly connectionRate?: { readonly count: number; readonly perMs: number; readonly burst?: number };
  /** Messages over one connection. */
  readonly messagesPerConnection?: number;
  /** No source may send now: the recipients wait until then, and it counts as no try. */
  readonly postponedUntilMs?: number;
}

/** A recipient whose try failed for now: when next? */
export interface RetryQuestion {
  readonly message: QueuedMessage;
  readonly recipient: QueuedRecipient;
  readonly outcome: RecipientOutcome;
  readonly nowMs: number;
}

/** When to try again, or that it is enough: the recipient then bounces. */
export type RetryAnswer = { readonly retryAtMs: number } | { readonly giveUp: true };

/** The end of a recipient's way. */
export interface SettledEvent {
  readonly message: QueuedMessage;
  readonly recipient: QueuedRecipient;
  readonly status: 'delivered' | 'bounced' | 'expired' | 'dropped';
  readonly outcome: RecipientOutcome | undefined;
}

/** A DSN before it is written (RFC 3464). */
export interface DsnDraft {
  readonly kind: 'failure' | 'delay' | 'success' | 'relayed';
  readonly subject: string;
  /** The part for people; plain text with LF line ends. */
  readonly text: string;
}

/** What a DSN is about. */
export interface DsnSubject {
  readonly message: QueuedMessage;
  readonly recipients: readonly { readonly recipient: QueuedRecipient; readonly outcome: RecipientOutcome }[];
}

/** A report that came by mail about a message of ours. */
export interface ReportedEvent {
  readonly report: ReceivedReport;
  /**
   * The recipient of ours that it is about, proven by the address that it came to (VERP); without it everything is
   * hearsay, and nothing may be done to an address because of it.
   */
  readonly provenRecipient?: MailAddress;
}

/** A message about to be filed for one local recipient. */
export interface FilingQuestion {
  readonly message: QueuedMessage;
  readonly header: HeaderSection;
  readonly recipient: QueuedRecipient;
  readonly accountId: string;
  readonly detail: string | undefined;
}

/** Where to file it. */
export interface FilingAnswer {
  readonly mailbox: string;
  readonly flags: readonly string[];
}

/** A message was filed. */
export interface StoredEvent {
  readonly message: QueuedMessage;
  readonly recipient: QueuedRecipient;
  readonly accountId: string;
  readonly filed: Filed;
}

/** A user has moved or copied messages from one mailbox of an account to another. */
export interface RefiledEvent {
  readonly accountId: string;
  readonly from: Mailbox;
  readonly to: Mailbox;
  /** For `MailboxStore.open`, in the order of their UIDs; those that are gone again are left out. */
  readonly messageIds: readonly string[];
  readonly isCopy: boolean;
}

/** Every hook with its type. */
export interface HookTable {
  // receive
  connect: Decide<[connection: Connection], Verdict>;
  hello: Decide<[connection: Connection, name: string], Verdict>;
  reversePath: Decide<[transaction: Transaction, reversePath: ReversePath], Verdict>;
  recipient: Decide<[transaction: Transaction, recipient: EnvelopeRecipient], Verdict>;
  dataStart: Decide<[transaction: Transaction], Verdict>;
  inspect: Gather<[message: Message], Finding>;
  message: Decide<[message: Message, findings: readonly Finding[]], Verdict>;
  messageFor: Decide<
    [message: Message, recipient: EnvelopeRecipient, findings: readonly Finding[]],
    RecipientVerdict
  >;
  accepted: Observe<[message: Message]>;
  refused: Observe<[event: RefusedEvent]>;
  closed: Observe<[connection: Connection]>;
  // authenticate
  credentials: Decide<[connection: Connection, credentials: Credentials], Identity | Refusal>;
  authenticated: Observe<[connection: Connection, identity: Identity]>;
  loginFailed: Observe<[failure: LoginFailure]>;
  // route
  expand: Transform<readonly EnvelopeRecipient[], [message: Message]>;
  route: Decide<
    [envelope: Pick<Envelope, 'reversePath' | 'parameters'>, recipient: EnvelopeRecipient],
    Route | Refusal
  >;
  site: Decide<[route: Route], string>;
  // queue
  content: Transform<Body, [message: Message, findings: readonly Finding[]]>;
  header: Transform<HeaderPrefix, [message: Message, findings: readonly Finding[]]>;
  schedule: Decide<[question: RetryQuestion], RetryAnswer>;
  enqueued: Observe<[message: QueuedMessage, recipients: readonly QueuedRecipient[]]>;
  // deliver
  egress: Decide<[delivery: Omit<Delivery, 'egress'>], EgressPolicy>;
  survey: Gather<[delivery: Delivery], Finding>;
  deliver: Decide<[delivery: Delivery], DeliveryReport>;
  dsn: Transform<DsnDraft, [subject: DsnSubject]>;
  attempted: Observe<[delivery: Delivery, report: DeliveryReport]>;
  settled: Observe<[event: SettledEvent]>;
  returnPath: Decide<[message: QueuedMessage, recipient: QueuedRecipient], MailAddress>;
  reported: Observe<[event: ReportedEvent]>;
  // store
  filing: Decide<[question: FilingQuestion], FilingAnswer | Refusal>;
  stored: Observe<[event: StoredEvent]>;
  refiled: Observe<[event: RefiledEvent]>;
}

/** The name of a hook. */
export type HookName = keyof HookTable;

/** The stages in the order a message goes through them. */
export type Stage = 'receive' | 'authenticate' | 'route' | 'queue' | 'deliver' | 'store';

/** The function a plugin taps a hook with: the hook's input, then the signal that aborts at the deadline. */
export type TapFunction<N extends HookName> = (
  ...args: [...HookTable[N]['input'], signal: AbortSignal]
) => MaybePromise<HookTable[N]['result']>;

/** What running a hook gives. */
export type HookOutcome<N extends HookName> = HookTable[N]['outcome'];

/** A name for each input. */
export type NamesOf<Input extends readonly unknown[]> = { readonly [K in keyof Input]: string };

/** A row of the table: what the types can't say. */
export interface HookRow<N extends HookName> {
  readonly kind: HookTable[N]['kind'];
  readonly stage: Stage;
  /** `listener`: taps of the listener's own plugins run too. `mta`: only taps of the whole server's plugins. */
  readonly scope: 'listener' | 'mta';
  /** What an undecided hook means. */
  readonly undecided: 'accept' | 'refuse' | 'default' | '–';
  /** How long all taps together may take. */
  readonly timeoutMs: number;
  /** The names of the inputs; a tap gets them, then the signal. */
  readonly input: NamesOf<HookTable[N]['input']>;
  readonly purpose: string;
}

const seconds = 1_000;

/** Every hook with its row, in the order in which a message meets them. */
export const hookTable: { readonly [N in HookName]: HookRow<N> } = {
  connect: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'accept',
    timeoutMs: 30 * seconds,
    input: ['connection'],
    purpose: 'A client has connected; nothing has been said yet.',
  },
  hello: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'accept',
    timeoutMs: 30 * seconds,
    input: ['connection', 'name'],
    purpose: 'The client names itself (EHLO, HELO, LHLO).',
  },
  credentials: {
    kind: 'decide',
    stage: 'authenticate',
    scope: 'listener',
    undecided: 'refuse',
    timeoutMs: 30 * seconds,
    input: ['connection', 'credentials'],
    purpose: 'Prove a login by other means than the Directory, which is asked when no tap answers.',
  },
  authenticated: {
    kind: 'observe',
    stage: 'authenticate',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['connection', 'identity'],
    purpose: 'Somebody has logged in.',
  },
  loginFailed: {
    kind: 'observe',
    stage: 'authenticate',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['failure'],
    purpose: 'A login was not granted.',
  },
  reversePath: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'accept',
    timeoutMs: 30 * seconds,
    input: ['transaction', 'reversePath'],
    purpose: 'A transaction begins (MAIL).',
  },
  recipient: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'refuse',
    timeoutMs: 30 * seconds,
    input: ['transaction', 'recipient'],
    purpose: 'A recipient is named (RCPT): is it ours, or may this client send there?',
  },
  dataStart: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'accept',
    timeoutMs: 30 * seconds,
    input: ['transaction'],
    purpose: 'The client wants to send the message (DATA, BDAT); refuse before the 354.',
  },
  inspect: {
    kind: 'gather',
    stage: 'receive',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 60 * seconds,
    input: ['message'],
    purpose: 'The message is here: find out about it. Findings go to the message hook.',
  },
  message: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'accept',
    timeoutMs: 30 * seconds,
    input: ['message', 'findings'],
    purpose: 'Judge the message with all findings.',
  },
  messageFor: {
    kind: 'decide',
    stage: 'receive',
    scope: 'listener',
    undecided: 'accept',
    timeoutMs: 30 * seconds,
    input: ['message', 'recipient', 'findings'],
    purpose:
      'Judge the message for one of its recipients, once it is accepted as a whole. Only over LMTP, which answers for each; asked for all at once.',
  },
  expand: {
    kind: 'transform',
    stage: 'route',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 30 * seconds,
    input: ['message', 'recipients'],
    purpose: 'Replace recipients by others: aliases, lists, forwards.',
  },
  content: {
    kind: 'transform',
    stage: 'queue',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 60 * seconds,
    input: ['message', 'findings', 'body'],
    purpose: 'Rewrite the message: a tap returns another body, which it hands to `message.adopt`.',
  },
  header: {
    kind: 'transform',
    stage: 'queue',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 30 * seconds,
    input: ['message', 'findings', 'prefix'],
    purpose: 'Add header fields in front of the message.',
  },
  enqueued: {
    kind: 'observe',
    stage: 'queue',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['message', 'recipients'],
    purpose: 'The message is durable in the queue.',
  },
  accepted: {
    kind: 'observe',
    stage: 'receive',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['message'],
    purpose: 'The client has its 250.',
  },
  refused: {
    kind: 'observe',
    stage: 'receive',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['event'],
    purpose: 'Something was refused, with the reply.',
  },
  closed: {
    kind: 'observe',
    stage: 'receive',
    scope: 'listener',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['connection'],
    purpose: 'The connection is gone.',
  },
  route: {
    kind: 'decide',
    stage: 'route',
    scope: 'mta',
    undecided: 'refuse',
    timeoutMs: 30 * seconds,
    input: ['envelope', 'recipient'],
    purpose: 'Where the recipient goes next: a local account, an MX, a host. Asked at each try.',
  },
  site: {
    kind: 'decide',
    stage: 'route',
    scope: 'mta',
    undecided: 'default',
    timeoutMs: 10 * seconds,
    input: ['route'],
    purpose:
      'The servers behind a route, named so that domains with the same ones share concurrency, rates and health. Asked for routes by MX at each try; by default a domain is a site of its own.',
  },
  returnPath: {
    kind: 'decide',
    stage: 'route',
    scope: 'mta',
    undecided: 'default',
    timeoutMs: 30 * seconds,
    input: ['message', 'recipient'],
    purpose:
      'Another reverse-path to say to the next hop, as for VERP. Recipients with different ones go in different transactions. Not asked for null paths and local recipients.',
  },
  egress: {
    kind: 'decide',
    stage: 'deliver',
    scope: 'mta',
    undecided: 'default',
    timeoutMs: 30 * seconds,
    input: ['delivery'],
    purpose: 'Source address, EHLO name, TLS policy and limits of a delivery.',
  },
  survey: {
    kind: 'gather',
    stage: 'deliver',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 60 * seconds,
    input: ['delivery'],
    purpose:
      'Somebody asks what a delivery would do (`postroad resolve`): tell servers and policies, send nothing.',
  },
  deliver: {
    kind: 'decide',
    stage: 'deliver',
    scope: 'mta',
    undecided: 'refuse',
    timeoutMs: 3_600 * seconds,
    input: ['delivery'],
    purpose: "Deliver; local routes are the store stage's.",
  },
  filing: {
    kind: 'decide',
    stage: 'store',
    scope: 'mta',
    undecided: 'default',
    timeoutMs: 30 * seconds,
    input: ['question'],
    purpose: 'Mailbox and flags of a local message, or a refusal for this recipient.',
  },
  stored: {
    kind: 'observe',
    stage: 'store',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['event'],
    purpose: 'A message was filed for a recipient.',
  },
  refiled: {
    kind: 'observe',
    stage: 'store',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 60 * seconds,
    input: ['event'],
    purpose: 'A user has moved or copied messages to another mailbox, by whatever protocol.',
  },
  attempted: {
    kind: 'observe',
    stage: 'deliver',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['delivery', 'report'],
    purpose: 'A try has ended, well or not.',
  },
  schedule: {
    kind: 'decide',
    stage: 'queue',
    scope: 'mta',
    undecided: 'default',
    timeoutMs: 10 * seconds,
    input: ['question'],
    purpose: 'When to try again, or to give up.',
  },
  dsn: {
    kind: 'transform',
    stage: 'deliver',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['subject', 'draft'],
    purpose: 'Subject and text of a delivery status notification.',
  },
  settled: {
    kind: 'observe',
    stage: 'deliver',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['event'],
    purpose: "A recipient's way has ended.",
  },
  reported: {
    kind: 'observe',
    stage: 'deliver',
    scope: 'mta',
    undecided: '–',
    timeoutMs: 10 * seconds,
    input: ['event'],
    purpose: 'A report came by mail: a message of ours was not delivered, or somebody complains.',
  },
};

/** All hook names in the order of the table. */
export const hookNames = Object.keys(hookTable) as readonly HookName[];
