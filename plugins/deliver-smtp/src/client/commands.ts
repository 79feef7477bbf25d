/** MAIL and RCPT with the parameters that the server offers. */
import { domainToASCII } from 'node:url';
import {
  type EnvelopeParameters,
  formatAddress,
  type MailAddress,
  type QueuedRecipient,
  type ReversePath,
} from '@postroad/core';
import type { Capabilities } from './capabilities.js';

/** What MAIL says. */
export interface MailFacts {
  readonly reversePath: ReversePath;
  readonly parameters: EnvelopeParameters;
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  readonly isBinary: boolean;
  /** Whether addresses or header fields are in UTF-8. */
  readonly needsUtf8: boolean;
  readonly nowMs: number;
}

/** The MAIL command without its line end. */
export function mailCommand(facts: MailFacts, offered: Capabilities): string {
  const { parameters } = facts;
  let command = `MAIL FROM:<${facts.reversePath === null ? '' : wireAddress(facts.reversePath, facts.needsUtf8)}>`;
  if (offered.has('SIZE')) command += ` SIZE=${facts.sizeBytes}`;
  if (facts.isBinary) command += ' BODY=BINARYMIME';
  else if (facts.has8bit && offered.has('8BITMIME')) command += ' BODY=8BITMIME';
  if (facts.needsUtf8) command += ' SMTPUTF8';
  if (parameters.requireTls && offered.has('REQUIRETLS')) command += ' REQUIRETLS';
  if (offered.has('DSN')) {
    if (parameters.ret !== undefined) command += ` RET=${parameters.ret.toUpperCase()}`;
    if (parameters.envid !== undefined) command += ` ENVID=${xtext(parameters.envid)}`;
  }
  if (parameters.priority !== 0 && offered.has('MT-PRIORITY'))
    command += ` MT-PRIORITY=${parameters.priority}`;
  const { deliverBy } = parameters;
  if (deliverBy !== undefined && offered.has('DELIVERBY')) {
    const seconds = Math.round((deliverBy.atMs - facts.nowMs) / 1000);
    command += ` BY=${seconds};${deliverBy.mode === 'return' ? 'R' : 'N'}${deliverBy.trace ? 'T' : ''}`;
  }
  return command;
}

/** The RCPT command without its line end. */
export function recipientCommand(
  recipient: Pick<QueuedRecipient, 'address' | 'notify' | 'orcpt'>,
  needsUtf8: boolean,
  offered: Capabilities,
): string {
  let command = `RCPT TO:<${wireAddress(recipient.address, needsUtf8)}>`;
  if (!offered.has('DSN')) return command;
  const { notify, orcpt } = recipient;
  if (notify !== undefined) {
    const events = notify === 'never' ? 'NEVER' : notify.join(',').toUpperCase();
    command += ` NOTIFY=${events}`;
  }
  if (orcpt !== undefined) command += originalRecipient(orcpt);
  return command;
}

/** Octets outside printable ASCII, `+` and `=` are written as `+XX` (RFC 3461 section 4). */
export function xtext(text: string): string {
  let result = '';
  for (const octet of Buffer.from(text)) {
    const isPlain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d;
    result += isPlain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return result;
}

/** Whether only a server with SMTPUTF8 can be given this address: its domain could be written in A-labels. */
export function needsUtf8Address(address: MailAddress): boolean {
  return !/^[\u0000-\u007f]*$/.test(address.localPart);
}

/** RFC 3461 section 4.2; the type `utf-8` has an escape of its own for what is not ASCII (RFC 6533 section 3). */
function originalRecipient(orcpt: string): string {
  const split = orcpt.indexOf(';');
  const type = orcpt.slice(0, split);
  if (split < 1 || !/^[A-Za-z0-9-]+$/.test(type)) return '';
  const value = orcpt.slice(split + 1);
  if (type.toLowerCase() !== 'utf-8') return ` ORCPT=${type};${xtext(value)}`;
  let text = '';
  for (const character of value) {
    const isPlain = /^[!-~]$/.test(character) && !/[+=\\]/.test(character);
    text += isPlain ? character : `\\x{${(character.codePointAt(0) as number).toString(16).toUpperCase()}}`;
  }
  return ` ORCPT=${type};${text}`;
}

/** RFC 6531 section 3.2: to a server without SMTPUTF8 an international domain goes in A-labels. */
function wireAddress(address: MailAddress, needsUtf8: boolean): string {
  if (needsUtf8 || /^[\u0000-\u007f]*$/.test(address.domain)) return formatAddress(address);
  return formatAddress({ ...address, domain: domainToASCII(address.domain) });
}
