/** The document that a service is asked about, and what it says after an answer was applied. */
import {
  type Connection,
  defer,
  discard,
  disconnect,
  type EnvelopeRecipient,
  formatAddress,
  type Grounds,
  type HeaderSection,
  type MailAddress,
  parseAddress,
  quarantine,
  type ReversePath,
  reject,
  type Transaction,
  type Verdict,
} from '@postroad/core';
import type { Plain } from './cbor.js';
import { asArray, asObject, wrong } from './patch.js';

/** What is known at a stage. */
export interface DocumentFacts {
  readonly nowMs: number;
  readonly hostname: string;
  readonly connection?: Connection | undefined;
  readonly transaction?: Transaction | undefined;
  /** The recipient that is being named. */
  readonly recipient?: EnvelopeRecipient | undefined;
  readonly header?: HeaderSection | undefined;
}

/** A document. */
export type Document = { readonly [key: string]: Plain | undefined };

/** The document of an inbound stage. */
export function inboundDocument(facts: DocumentFacts): Document {
  const { connection, transaction, hostname } = facts;
  const tls = connection?.tls;
  const identity = connection?.identity;
  return {
    action: 'accept',
    timestamp: new Date(facts.nowMs).toISOString(),
    protocol: { version: '1.0' },
    envelope: transaction === undefined ? null : envelopeOf(transaction, facts.recipient),
    queue: transaction === undefined ? null : { id: transaction.id },
    client: connection === undefined ? null : clientOf(connection),
    tls: tls === undefined ? null : { version: tls.version, cipher: tls.cipher },
    auth: identity === undefined ? null : { login: identity.login, method: identity.mechanism },
    server: connection === undefined ? { name: hostname } : serverOf(connection, hostname),
    message: facts.header === undefined ? null : { headers: fieldsOf(facts.header) },
  };
}

function clientOf({ remoteAddress, remotePort, helloName }: Connection): Plain {
  return { ip: remoteAddress, port: remotePort, ehlo: helloName === '' ? null : helloName };
}

function serverOf({ localAddress, localPort }: Connection, hostname: string): Plain {
  return { name: hostname, ip: localAddress, port: localPort };
}

function envelopeOf(transaction: Transaction, recipient: EnvelopeRecipient | undefined): Plain {
  const { declaredSizeBytes, bodyType, smtpUtf8 } = transaction.parameters;
  const parameters = {
    ...(declaredSizeBytes !== undefined && { SIZE: String(declaredSizeBytes) }),
    ...(bodyType !== '7bit' && { BODY: bodyType.toUpperCase() }),
    ...(smtpUtf8 && { SMTPUTF8: '' }),
  };
  const recipients =
    recipient === undefined ? transaction.recipients : [...transaction.recipients, recipient];
  const { reversePath } = transaction;
  return {
    from: { address: reversePath === null ? null : formatAddress(reversePath), parameters },
    to: recipients.map(({ address }) => ({ address: formatAddress(address), parameters: {} })),
  };
}

/** Names and values as they are: folding stays out, as in JMAP's text form. */
export function fieldsOf(
  header: HeaderSection,
): readonly { readonly name: string; readonly value: string }[] {
  return header.fields.map(({ name, value }) => ({ name, value }));
}

/** The verdict of a document's action and response. */
export function verdictOf(document: Plain, service: string): Verdict | undefined {
  const { action, response } = asObject(document);
  const grounds: Grounds = { rule: service, reason: `action ${String(action)}` };
  const { code, detail, text } = readResponse(response);
  switch (action) {
    case 'accept':
    case 'continue':
      return undefined;
    case 'reject':
      return code < 500 ? defer(code, detail, text, grounds) : reject(code, detail, text, grounds);
    case 'discard':
      return discard(`${service} discards it`, grounds);
    case 'quarantine':
      return quarantine(`${service} sets it apart`, grounds);
    case 'disconnect':
      return disconnect(response === undefined || response === null ? 421 : code, detail, text, grounds);
    default:
      throw wrong(`the action ${JSON.stringify(action)}`);
  }
}

function readResponse(response: Plain | undefined): { code: number; detail: string; text: string } {
  if (response === undefined || response === null)
    return { code: 550, detail: '7.1', text: 'message refused' };
  const { code, enhancedCode, message } = asObject(response);
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 400 || code > 599)
    throw wrong('a code that is none');
  const detail =
    typeof enhancedCode === 'string' ? /^[45]\.(\d{1,3}\.\d{1,3})$/.exec(enhancedCode)?.[1] : undefined;
  return {
    code,
    detail: detail ?? '7.1',
    text: typeof message === 'string' && message !== '' ? message : 'refused',
  };
}

/** The reverse-path of a document. */
export function reversePathOf(document: Plain): ReversePath {
  const { from } = asObject(asObject(document).envelope);
  const address = typeof from === 'string' ? from : from === null ? null : asObject(from).address;
  return address === null || address === '' ? null : readAddress(address);
}

/** The recipients of a document. */
export function recipientsOf(document: Plain): readonly MailAddress[] {
  return asArray(asObject(asObject(document).envelope).to).map((one) =>
    readAddress(typeof one === 'string' ? one : asObject(one).address),
  );
}

function readAddress(text: Plain | undefined): MailAddress {
  const address = typeof text === 'string' ? parseAddress(text.replace(/^<(.*)>$/, '$1')) : undefined;
  if (address === undefined) throw wrong('an address that is none');
  return address;
}
