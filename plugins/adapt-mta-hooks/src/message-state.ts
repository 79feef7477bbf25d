/** A message on its way through the services: each is asked about what the one before made of it. */
import {
  type Body,
  type HeaderSection,
  headerField,
  type Message,
  type Spool,
  type Verdict,
  withHeaderSection,
} from '@postroad/core';
import type { Plain } from './cbor.js';
import { type Document, fieldsOf, verdictOf } from './document.js';
import { applyAnswer, asArray, asObject, wrong } from './patch.js';

/** The state. */
export interface MessageState {
  readonly document: Document;
  readonly body: Body;
  /** What refuses or drops; nothing else is asked then. */
  readonly verdict: Verdict | undefined;
  /** What sets apart; no later service takes it back. */
  readonly mark: Verdict | undefined;
}

/** What applying needs. */
export interface ApplyOptions {
  readonly service: { readonly name: string; readonly rewrite: boolean };
  readonly message: Message;
  readonly spool: Spool;
}

/** The state after an answer. */
export async function applyToMessage(
  state: MessageState,
  answer: Plain | undefined,
  { service, message, spool }: ApplyOptions,
): Promise<MessageState> {
  if (answer === undefined) return state;
  const changed = asObject(applyAnswer(state.document, answer));
  const verdict = verdictOf(changed, service.name);
  const mark = verdict?.verdict === 'quarantine' ? (state.mark ?? verdict) : state.mark;
  const ending = verdict === undefined || verdict.verdict === 'quarantine' ? undefined : verdict;
  if (!service.rewrite || ending !== undefined) return { ...state, verdict: ending, mark };
  const { rawMessage, ...rest } = changed;
  if (rawMessage !== undefined && rawMessage !== null) {
    const body = await spool.store(octetsOf(rawMessage));
    message.adopt(body);
    return {
      document: { ...rest, message: { headers: fieldsOf(body.header) } },
      body,
      verdict: undefined,
      mark,
    };
  }
  return { document: rest, body: withFields(state.body, rest), verdict: undefined, mark };
}

function octetsOf(rawMessage: Plain): Uint8Array {
  if (rawMessage instanceof Uint8Array) return rawMessage;
  if (typeof rawMessage !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(rawMessage)) {
    throw wrong('a message that is no base64');
  }
  // Whatever line ends it has, they are CRLF here.
  const text = Buffer.from(rawMessage, 'base64')
    .toString('latin1')
    .replace(/\r\n|\r|\n/g, '\r\n');
  return Buffer.from(text, 'latin1');
}

/** The body with the fields of the document; those that stay keep their octets. */
function withFields(body: Body, document: Document): Body {
  const listed = asArray(asObject(document.message).headers).map((one) => {
    const { name, value } = asObject(one);
    if (typeof name !== 'string' || typeof value !== 'string') throw wrong('a field that is none');
    return { name, value };
  });
  const before = fieldsOf(body.header);
  const isSame =
    listed.length === before.length &&
    listed.every((field, at) => field.name === before[at]?.name && field.value === before[at]?.value);
  if (isSame) return body;
  const left = [...body.header.fields];
  const octets = listed.map((field) => {
    const at = left.findIndex(({ name, value }) => name === field.name && value === field.value);
    const [kept] = at < 0 ? [] : left.splice(at, 1);
    if (kept !== undefined) return rawField(body.headerBytes, body.header, kept.start);
    const { name, value } = headerField(field.name, field.value);
    return Buffer.from(`${name}: ${value}\r\n`);
  });
  return withHeaderSection(body, Buffer.concat([...octets, Buffer.from('\r\n')]));
}

function rawField(headerBytes: Uint8Array, header: HeaderSection, start: number): Uint8Array {
  const { end } = header.fields.find((field) => field.start === start) as { end: number };
  return headerBytes.subarray(start, end);
}
