/** What the parameters of MAIL mean. */
import { type DeliverBy, defaultEnvelopeParameters, type EnvelopeParameters } from '../values/envelope.js';
import type { Reply } from '../values/reply.js';
import type { CommandParameter } from './command-parameters.js';
import { replies } from './replies.js';
import { decodeXtext } from './xtext.js';

/** What decides which parameters are known and which values are allowed. */
export interface MailParameterContext {
  readonly isTls: boolean;
  readonly hasAuth: boolean;
  readonly sizeBytesMax: number;
  readonly nowMs: number;
  /** RFC 4865: the longest hold; 0 when FUTURERELEASE is not offered. */
  readonly holdMsMax: number;
  /** Whether a priority above normal is believed. */
  readonly mayHurry: boolean;
}

/** The parameters, or the reply that refuses them. */
export type MailParametersResult = { readonly parameters: EnvelopeParameters } | { readonly refusal: Reply };

type Draft = { -readonly [Name in keyof EnvelopeParameters]: EnvelopeParameters[Name] };
type Reader = (draft: Draft, value: string | undefined, context: MailParameterContext) => Reply | undefined;

/** Reads them; an unknown one is 555 and a bad value 501 (RFC 5321 section 4.1.1.11). */
export function readMailParameters(
  given: readonly CommandParameter[],
  context: MailParameterContext,
): MailParametersResult {
  const draft: Draft = { ...defaultEnvelopeParameters };
  for (const { keyword, value } of given) {
    const reader = readers.get(keyword);
    const refusal = reader === undefined ? replies.unknownParameter : reader(draft, value, context);
    if (refusal !== undefined) return { refusal };
  }
  return { parameters: draft };
}

const readers = new Map<string, Reader>([
  ['SIZE', readSize],
  ['BODY', readBody],
  ['SMTPUTF8', readSmtpUtf8],
  ['RET', readRet],
  ['ENVID', readEnvid],
  ['AUTH', readAuth],
  ['REQUIRETLS', readRequireTls],
  ['HOLDFOR', readHoldFor],
  ['HOLDUNTIL', readHoldUntil],
  ['BY', readBy],
  ['MT-PRIORITY', readPriority],
]);

/** RFC 1870 section 6: refuse what is declared too large before it is sent. */
function readSize(draft: Draft, value: string | undefined, context: MailParameterContext): Reply | undefined {
  if (value === undefined || !/^\d{1,20}$/.test(value)) return replies.badParameter;
  draft.declaredSizeBytes = Number(value);
  return draft.declaredSizeBytes > context.sizeBytesMax ? replies.tooLarge : undefined;
}

/** RFC 6152 section 2, RFC 3030 section 3. */
function readBody(draft: Draft, value: string | undefined): Reply | undefined {
  const type = value?.toLowerCase();
  if (type !== '7bit' && type !== '8bitmime' && type !== 'binarymime') return replies.badParameter;
  draft.bodyType = type;
  return undefined;
}

/** RFC 6531 section 3.4. */
function readSmtpUtf8(draft: Draft, value: string | undefined): Reply | undefined {
  if (value !== undefined) return replies.badParameter;
  draft.smtpUtf8 = true;
  return undefined;
}

/** RFC 3461 section 4.3. */
function readRet(draft: Draft, value: string | undefined): Reply | undefined {
  const ret = value?.toLowerCase();
  if (ret !== 'full' && ret !== 'hdrs') return replies.badParameter;
  draft.ret = ret;
  return undefined;
}

/** RFC 3461 section 4.4: at most 100 characters. */
function readEnvid(draft: Draft, value: string | undefined): Reply | undefined {
  const envid = value === undefined || value.length > 100 ? undefined : decodeXtext(value);
  if (envid === undefined) return replies.badParameter;
  draft.envid = envid;
  return undefined;
}

/** RFC 4954 section 5: the value is read and not believed, so it is not kept. */
function readAuth(
  _draft: Draft,
  value: string | undefined,
  context: MailParameterContext,
): Reply | undefined {
  if (!context.hasAuth) return replies.unknownParameter;
  return value !== undefined && decodeXtext(value) !== undefined ? undefined : replies.badParameter;
}

/** RFC 8689 section 2: only where TLS is active. */
function readRequireTls(
  draft: Draft,
  value: string | undefined,
  context: MailParameterContext,
): Reply | undefined {
  if (!context.isTls) return replies.unknownParameter;
  if (value !== undefined) return replies.badParameter;
  draft.requireTls = true;
  return undefined;
}

/** RFC 4865 section 5. */
function readHoldFor(
  draft: Draft,
  value: string | undefined,
  context: MailParameterContext,
): Reply | undefined {
  if (context.holdMsMax === 0) return replies.unknownParameter;
  if (value === undefined || !/^\d{1,9}$/.test(value)) return replies.badParameter;
  return hold(draft, context.nowMs + Number(value) * 1_000, context);
}

/** RFC 4865 section 5: an RFC 3339 date and time in UTC. */
function readHoldUntil(
  draft: Draft,
  value: string | undefined,
  context: MailParameterContext,
): Reply | undefined {
  if (context.holdMsMax === 0) return replies.unknownParameter;
  const isDate =
    value !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.test(value);
  const untilMs = isDate ? Date.parse(value) : Number.NaN;
  return Number.isNaN(untilMs) ? replies.badParameter : hold(draft, untilMs, context);
}

function hold(draft: Draft, untilMs: number, context: MailParameterContext): Reply | undefined {
  const isAllowed = draft.holdUntilMs === undefined && untilMs <= context.nowMs + context.holdMsMax;
  if (!isAllowed) return replies.badParameter;
  draft.holdUntilMs = untilMs;
  return undefined;
}

/** RFC 2852 section 4: `by-time;mode`, the time in seconds; RETURN needs one above zero. */
function readBy(draft: Draft, value: string | undefined, context: MailParameterContext): Reply | undefined {
  const match = /^(-?\d{1,9});([NR])(T?)$/i.exec(value ?? '');
  if (match === null) return replies.badParameter;
  const seconds = Number(match[1]);
  const mode: DeliverBy['mode'] = match[2]?.toUpperCase() === 'R' ? 'return' : 'notify';
  if (mode === 'return' && seconds <= 0) return replies.badParameter;
  draft.deliverBy = { atMs: context.nowMs + seconds * 1_000, mode, trace: match[3] !== '' };
  return undefined;
}

/** RFC 6710 section 4: from -9 to 9. Section 4.1 lets a server lower what a stranger asks for. */
function readPriority(
  draft: Draft,
  value: string | undefined,
  context: MailParameterContext,
): Reply | undefined {
  if (value === undefined || !/^-?\d$/.test(value)) return replies.badParameter;
  draft.priority = context.mayHurry ? Number(value) : Math.min(0, Number(value));
  return undefined;
}
