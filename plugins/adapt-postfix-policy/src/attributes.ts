/** What a policy server is told: the attributes of Postfix's policy delegation, as lines. */
import {
  type Connection,
  formatAddress,
  formatReversePath,
  type MailAddress,
  type Transaction,
} from '@postroad/core';
import type { ProtocolState } from './config.js';

/** What is known. */
export interface PolicyFacts {
  readonly state: ProtocolState;
  readonly connection: Connection;
  readonly clientName: string;
  readonly context: string;
  readonly transaction?: Transaction | undefined;
  readonly recipient?: MailAddress | undefined;
  readonly sizeBytes?: number | undefined;
}

/** The request, with the empty line that ends it. What is not known is empty, as Postfix has it. */
export function requestOf(facts: PolicyFacts): string {
  const { connection, transaction, recipient, state } = facts;
  const { identity, tls } = connection;
  const recipients = transaction?.recipients ?? [];
  const only = recipients.length === 1 ? recipients[0]?.address : undefined;
  const named = recipient ?? (state === 'DATA' || state === 'END-OF-MESSAGE' ? only : undefined);
  const isCounted = state === 'DATA' || state === 'END-OF-MESSAGE';
  const attributes: Readonly<Record<string, string>> = {
    request: 'smtpd_access_policy',
    protocol_state: state === 'HELO' && connection.isExtended ? 'EHLO' : state,
    protocol_name: connection.isExtended ? 'ESMTP' : 'SMTP',
    client_address: connection.remoteAddress,
    client_name: facts.clientName,
    client_port: String(connection.remotePort),
    reverse_client_name: facts.clientName,
    server_address: connection.localAddress,
    server_port: String(connection.localPort),
    helo_name: connection.helloName,
    sender: transaction === undefined ? '' : formatReversePath(transaction.reversePath),
    recipient: named === undefined ? '' : formatAddress(named),
    recipient_count: String(isCounted ? recipients.length : 0),
    queue_id: transaction?.id ?? '',
    instance: transaction?.id ?? connection.id,
    size: String(facts.sizeBytes ?? transaction?.parameters.declaredSizeBytes ?? 0),
    etrn_domain: '',
    stress: '',
    sasl_method: identity?.mechanism ?? '',
    sasl_username: identity?.login ?? '',
    sasl_sender: '',
    ccert_subject: '',
    ccert_issuer: '',
    ccert_fingerprint: '',
    ccert_pubkey_fingerprint: '',
    encryption_protocol: tls?.version ?? '',
    encryption_cipher: tls?.cipher ?? '',
    encryption_keysize: '0',
    policy_context: facts.context,
  };
  const lines = Object.entries(attributes).map(([name, value]) => `${name}=${clean(value)}\n`);
  return `${lines.join('')}\n`;
}

/** One line: nothing may add an attribute. */
function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
}
