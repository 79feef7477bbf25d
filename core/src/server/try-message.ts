/**
 * `postroad try`: a message on its way through the receive stage of a listener, without being taken. The hooks are the
 * listener's own, compiled anew without observers and with somebody who watches; nothing is queued, counted or told.
 */
import type { Body } from '../body/body.js';
import { ConnectionState } from '../context/connection.js';
import { MailError, messageOf } from '../errors.js';
import type { CompiledTap } from '../hooks/call.js';
import { compileHooks, type OrderedTaps } from '../hooks/compile.js';
import type { Tap } from '../hooks/order.js';
import { hookTable } from '../hooks/table.js';
import { createMetrics } from '../services/metrics-registry.js';
import type { NewQueuedMessage } from '../services/queue-store.js';
import type { SubmitContent } from '../services/submission.js';
import type { ReceiverAnswer, ReceiverPolicy } from '../smtp/receiver.js';
import { createReceivePolicy } from '../stages/receive.js';
import { formatAddress, parseAddress, type ReversePath } from '../values/address.js';
import { defaultEnvelopeParameters } from '../values/envelope.js';
import type { Finding } from '../values/finding.js';
import { formatReply } from '../values/reply.js';
import type { Attributed } from '../values/verdict.js';
import type { BuiltListener, Generation } from './generation.js';
import type { House } from './house.js';
import { receiveOptions } from './receive-options.js';
import { withCrLf } from './submit.js';

/** Who would send what to whom. */
export interface TrialRequest {
  /** The listener's name; the first relay by default, or the first of all. */
  readonly listener?: string;
  readonly clientAddress: string;
  readonly helloName: string;
  /** Empty for the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** The account that has logged in, when somebody has. */
  readonly accountId?: string;
  readonly content: SubmitContent;
}

/** Something that a tap answered. */
export interface TrialStep {
  readonly hook: string;
  readonly plugin: string;
  /** The verdict's word, `finding`, or `failed`. */
  readonly answer: string;
  readonly reply?: string;
  readonly rule?: string;
  readonly reason?: string;
}

/** What came of it. */
export interface TrialReport {
  readonly listener: string;
  readonly steps: readonly TrialStep[];
  readonly findings: readonly Finding[];
  /** What the client would hear at each point, in order. */
  readonly replies: readonly { readonly at: string; readonly reply: string; readonly by?: string }[];
  /** What would be queued; absent when the message is refused or dropped. */
  readonly queued?: {
    readonly recipients: readonly string[];
    /** Header fields that would stand in front. */
    readonly headerPrefix: string;
    /** Why it would be marked for Junk. */
    readonly quarantine?: string;
    readonly sizeBytes: number;
  };
}

/** Tries a message; rejects with `E_USAGE` for a listener or address that is none. */
export async function tryMessage(
  house: House,
  generation: Generation,
  request: TrialRequest,
): Promise<TrialReport> {
  const listener = findListener(generation, request.listener);
  const steps: TrialStep[] = [];
  const found: { findings: readonly Finding[] } = { findings: [] };
  const taken: NewQueuedMessage[] = [];
  const log = generation.log.child({ trial: true });
  const metrics = createMetrics();
  const watch = (tap: CompiledTap, answer: unknown) => steps.push(...stepsOf(tap, answer));
  const hooks = compileHooks(watchedTaps(listener.taps, found), { clock: house.clock, log, metrics, watch });
  const policy = createReceivePolicy({
    ...receiveOptions(house, generation, listener),
    hooks,
    log,
    metrics,
    async enqueue(message) {
      taken.push(message);
      return [];
    },
  });
  const connection = trialConnection(house, listener, request);
  try {
    const replies = await converse(policy, connection, request);
    const [queued] = taken;
    return {
      listener: listener.options.name,
      steps,
      findings: found.findings,
      replies,
      ...(queued === undefined ? {} : { queued: describeQueued(queued) }),
    };
  } finally {
    connection.close();
  }
}

function findListener(generation: Generation, name: string | undefined): BuiltListener {
  const { listeners } = generation;
  const found =
    name === undefined
      ? (listeners.find(({ options }) => options.role === 'relay') ?? listeners[0])
      : listeners.find(({ options }) => options.name === name);
  if (found !== undefined) return found;
  const names = listeners.map(({ options }) => options.name).join(', ');
  throw new MailError('E_USAGE', `there is no listener ${name ?? ''}; there are: ${names}`);
}

/** Without observers, who could count it; and with one who takes down what `message` is asked with. */
function watchedTaps(taps: OrderedTaps, found: { findings: readonly Finding[] }): OrderedTaps {
  const watched = new Map([...taps].filter(([hook]) => hookTable[hook].kind !== 'observe'));
  const listener: Tap = {
    hook: 'message',
    plugin: 'try',
    answer: (_message: unknown, findings: readonly Finding[]) => {
      found.findings = findings;
      return undefined;
    },
    options: {},
  };
  watched.set('message', [listener, ...(taps.get('message') ?? [])]);
  return watched;
}

function trialConnection(house: House, { options }: BuiltListener, request: TrialRequest): ConnectionState {
  const connection = new ConnectionState({
    id: house.random.id(),
    protocol: options.role === 'lmtp' ? 'lmtp' : 'smtp',
    role: options.role,
    listener: options.name,
    remoteAddress: request.clientAddress,
    remotePort: 0,
    localAddress: options.host ?? '127.0.0.1',
    localPort: options.port,
    openedAtMs: house.clock.now(),
  });
  connection.isTrial = true;
  connection.isExtended = true;
  const { accountId } = request;
  if (accountId !== undefined) connection.identity = { accountId, login: accountId, mechanism: 'try' };
  return connection;
}

type Replies = { readonly at: string; readonly reply: string; readonly by?: string }[];

/** The client's side; ends at the first refusal that would end it for a client. */
async function converse(
  policy: ReceiverPolicy,
  connection: ConnectionState,
  request: TrialRequest,
): Promise<Replies> {
  const replies: Replies = [];
  const hear = (at: string, answer: ReceiverAnswer | undefined): boolean => {
    if (answer === undefined) return true;
    replies.push({ at, reply: formatReply(answer.reply), ...(answer.by && { by: answer.by }) });
    return answer.reply.code < 400;
  };
  const recipients = request.recipients.map(readAddress);
  const reversePath: ReversePath = request.reversePath === '' ? null : readAddress(request.reversePath);
  if (!hear('connect', await policy.connect(connection))) return replies;
  connection.helloName = request.helloName;
  if (!hear('hello', await policy.hello(connection, request.helloName))) return replies;
  const begun = await policy.begin(connection, reversePath, defaultEnvelopeParameters);
  const { transaction } = begun;
  if (!hear('reversePath', begun) || transaction === undefined) return replies;
  for (const address of recipients) {
    hear(`recipient ${formatAddress(address)}`, await policy.recipient(transaction, { address }));
  }
  if (transaction.recipients.length === 0) return replies;
  if (!hear('dataStart', await policy.dataStart(transaction))) return replies;
  const body = await readContent(policy, transaction, request.content);
  const answers = await policy.message(transaction, body);
  // RFC 2033 section 4.2: only LMTP hears an answer for each recipient.
  if (connection.protocol !== 'lmtp') hear('message', answers[0]);
  else {
    for (const [at, { address }] of transaction.recipients.entries()) {
      hear(`message for ${formatAddress(address)}`, answers[at]);
    }
  }
  return replies;
}

async function readContent(
  policy: ReceiverPolicy,
  transaction: Parameters<ReceiverPolicy['body']>[0],
  content: SubmitContent,
): Promise<Body> {
  const writer = policy.body(transaction);
  try {
    for await (const chunk of withCrLf(content)) if (!writer.write(chunk)) await writer.drained();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return writer.finish();
}

function readAddress(text: string) {
  const address = parseAddress(text);
  if (address === undefined) throw new MailError('E_USAGE', `not a mail address: ${JSON.stringify(text)}`);
  return address;
}

function stepsOf(tap: CompiledTap, answer: unknown): readonly TrialStep[] {
  const { hook, plugin } = tap;
  if (answer === undefined || plugin === 'try') return [];
  if (answer instanceof Error) return [{ hook, plugin, answer: 'failed', reason: messageOf(answer) }];
  if (hookTable[hook].kind === 'gather') {
    const findings = (Array.isArray(answer) ? answer : [answer]) as readonly Finding[];
    return findings.map(({ text, error }) => ({
      hook,
      plugin,
      answer: 'finding',
      ...(text === undefined ? {} : { reason: text }),
      ...(error === undefined ? {} : { reason: error }),
    }));
  }
  const { verdict, reply, grounds, reason } = answer as Attributed & {
    readonly verdict?: string;
    readonly reply?: Parameters<typeof formatReply>[0];
    readonly reason?: string;
  };
  const why = grounds?.reason ?? reason;
  return [
    {
      hook,
      plugin,
      answer: verdict ?? 'answer',
      ...(reply === undefined ? {} : { reply: formatReply(reply) }),
      ...(grounds?.rule === undefined ? {} : { rule: grounds.rule }),
      ...(why === undefined ? {} : { reason: why }),
    },
  ];
}

function describeQueued({ recipients, headerPrefix, quarantine, body }: NewQueuedMessage) {
  return {
    recipients: recipients.map(({ address }) => formatAddress(address)),
    headerPrefix,
    ...(quarantine === undefined ? {} : { quarantine }),
    sizeBytes: body.sizeBytes,
  };
}
