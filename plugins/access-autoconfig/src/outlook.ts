/** Autodiscover for Outlook and those who read it too: the plain XML kind, for IMAP, POP3 and SMTP. */
import type { Offer } from './offers.js';
import type { ClientFacts } from './thunderbird.js';
import { leaf } from './xml.js';

const names = { imap: 'IMAP', pop3: 'POP3', submission: 'SMTP' } as const;

/** The answer for an address. */
export function outlookConfig({ host, displayName, offers }: ClientFacts, address: string): string {
  const protocol = ({ protocol: kind, port, tls }: Offer) =>
    [
      '<Protocol>',
      leaf('Type', names[kind]),
      leaf('Server', host),
      leaf('Port', port),
      leaf('DomainRequired', 'off'),
      leaf('LoginName', address),
      leaf('SPA', 'off'),
      leaf('SSL', tls === 'implicit' ? 'on' : 'off'),
      ...(tls === 'implicit' ? [] : [leaf('Encryption', 'TLS')]),
      leaf('AuthRequired', 'on'),
      '</Protocol>',
    ].join('\n');
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">',
    '<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">',
    `<User>\n${leaf('DisplayName', displayName)}\n</User>`,
    '<Account>\n<AccountType>email</AccountType>\n<Action>settings</Action>',
    ...firstOfEach(offers).map(protocol),
    '</Account>\n</Response>\n</Autodiscover>\n',
  ].join('\n');
}

/** Outlook takes the last of several of one kind. */
export function firstOfEach(offers: readonly Offer[]): readonly Offer[] {
  return offers.filter((offer, at) => offers.findIndex((one) => one.protocol === offer.protocol) === at);
}

/** The address that a request asks about; it is read, not parsed: no entities, no external anything. */
export function addressInRequest(xml: string): string | undefined {
  return /<EMailAddress>\s*([^<>&\s]{3,320})\s*<\/EMailAddress>/i.exec(xml)?.[1];
}
