/** Macros: what a filter is told beside the commands, by the names that Sendmail gave them. */
import { type Connection, formatAddress, type MailAddress, type ReversePath } from '@postroad/core';
import type { MacroStage } from './negotiation.js';

/** What is known; what is not known yet is absent. */
export interface MacroFacts {
  readonly hostname: string;
  readonly connection: Connection;
  /** The client's name in DNS, or its address in brackets. */
  readonly clientName: string;
  readonly messageId?: string | undefined;
  readonly reversePath?: ReversePath | undefined;
  readonly recipient?: MailAddress | undefined;
}

/** What is sent when the filter does not say what it wants. */
const usual: Readonly<Record<MacroStage, readonly string[]>> = {
  connect: [
    'j',
    '_',
    '{daemon_name}',
    '{daemon_addr}',
    '{daemon_port}',
    '{client_addr}',
    '{client_name}',
    'v',
  ],
  hello: ['{tls_version}', '{cipher}'],
  mail: ['i', '{auth_type}', '{auth_authen}', '{auth_author}', '{mail_addr}', '{mail_host}'],
  recipient: ['i', '{rcpt_addr}', '{rcpt_host}'],
  data: ['i'],
  endOfHeader: ['i'],
  endOfBody: ['i'],
};

/** Names and values in turn, as the command for macros has them; empty when nothing is known. */
export function macrosFor(
  stage: MacroStage,
  wanted: ReadonlyMap<MacroStage, readonly string[]>,
  facts: MacroFacts,
): readonly string[] {
  const names = wanted.get(stage) ?? usual[stage];
  return names.flatMap((name) => {
    const value = macroValue(bare(name), facts);
    // One letter stands without braces.
    return value === undefined
      ? []
      : [bare(name).length === 1 ? bare(name) : `{${bare(name)}}`, clean(value)];
  });
}

function bare(name: string): string {
  return name.replace(/^\{(.*)\}$/, '$1');
}

function macroValue(name: string, facts: MacroFacts): string | undefined {
  const { connection, reversePath, recipient } = facts;
  const { identity, tls } = connection;
  switch (name) {
    case 'j':
    case 'if_name':
      return facts.hostname;
    case '_':
      return `${facts.clientName} [${connection.remoteAddress}]`;
    case 'v':
      return 'Postroad';
    case 'i':
      return facts.messageId;
    case 's':
      return connection.helloName;
    case 'r':
      return connection.isExtended ? 'ESMTP' : 'SMTP';
    case 'f':
    case 'mail_addr':
      return reversePath === undefined || reversePath === null
        ? empty(reversePath)
        : formatAddress(reversePath);
    case 'mail_host':
      return reversePath?.domain;
    case 'mail_mailer':
    case 'rcpt_mailer':
      return 'smtp';
    case 'rcpt_addr':
      return recipient === undefined ? undefined : formatAddress(recipient);
    case 'rcpt_host':
      return recipient?.domain;
    case 'daemon_name':
      return connection.listener;
    case 'daemon_addr':
    case 'if_addr':
      return connection.localAddress;
    case 'daemon_port':
      return String(connection.localPort);
    case 'client_addr':
      return connection.remoteAddress;
    case 'client_port':
      return String(connection.remotePort);
    case 'client_name':
    case 'client_ptr':
      return facts.clientName;
    case 'client_resolve':
      return facts.clientName.startsWith('[') ? 'FAIL' : 'OK';
    case 'auth_type':
      return identity?.mechanism;
    case 'auth_authen':
      return identity?.login;
    case 'tls_version':
      return tls?.version;
    case 'cipher':
      return tls?.cipher;
    default:
      return undefined;
  }
}

function empty(reversePath: null | undefined): string | undefined {
  return reversePath === null ? '' : undefined;
}

/** NUL would end the value. */
function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
}
