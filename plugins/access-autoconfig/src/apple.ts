/** A configuration profile for Apple's Mail. */
import { createHash } from 'node:crypto';
import { firstOfEach } from './outlook.js';
import type { ClientFacts } from './thunderbird.js';
import { leaf } from './xml.js';

/** The `.mobileconfig` for an address; `undefined` when there is nothing to read mail by, or to send it by. */
export function appleConfig(
  { domain, host, displayName, offers }: ClientFacts,
  address: string,
): string | undefined {
  const chosen = firstOfEach(offers);
  const incoming =
    chosen.find(({ protocol }) => protocol === 'imap') ?? chosen.find(({ protocol }) => protocol === 'pop3');
  const outgoing = chosen.find(({ protocol }) => protocol === 'submission');
  if (incoming === undefined || outgoing === undefined) return undefined;
  const payload = [
    text('PayloadType', 'com.apple.mail.managed'),
    number('PayloadVersion', 1),
    text('PayloadIdentifier', `${domain}.mail.account`),
    text('PayloadUUID', uuidOf(`account ${address}`)),
    text('PayloadDisplayName', displayName),
    text('EmailAccountType', incoming.protocol === 'imap' ? 'EmailTypeIMAP' : 'EmailTypePOP'),
    text('EmailAccountDescription', displayName),
    text('EmailAddress', address),
    text('IncomingMailServerHostName', host),
    number('IncomingMailServerPortNumber', incoming.port),
    flag('IncomingMailServerUseSSL', true),
    text('IncomingMailServerAuthentication', 'EmailAuthPassword'),
    text('IncomingMailServerUsername', address),
    text('OutgoingMailServerHostName', host),
    number('OutgoingMailServerPortNumber', outgoing.port),
    flag('OutgoingMailServerUseSSL', true),
    text('OutgoingMailServerAuthentication', 'EmailAuthPassword'),
    text('OutgoingMailServerUsername', address),
    flag('OutgoingPasswordSameAsIncomingPassword', true),
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">\n<dict>',
    '<key>PayloadContent</key>\n<array>\n<dict>',
    ...payload,
    '</dict>\n</array>',
    text('PayloadType', 'Configuration'),
    number('PayloadVersion', 1),
    text('PayloadIdentifier', `${domain}.mail`),
    text('PayloadUUID', uuidOf(`profile ${address}`)),
    text('PayloadDisplayName', displayName),
    '</dict>\n</plist>\n',
  ].join('\n');
}

function text(key: string, value: string): string {
  return `${leaf('key', key)}\n${leaf('string', value)}`;
}

function number(key: string, value: number): string {
  return `${leaf('key', key)}\n${leaf('integer', value)}`;
}

function flag(key: string, value: boolean): string {
  return `${leaf('key', key)}\n<${value}/>`;
}

/** The same for the same address, so that a profile replaces the one before. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(`postroad ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
