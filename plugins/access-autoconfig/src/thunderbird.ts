/** The autoconfig file of Thunderbird and those who read it too. */
import type { Offer } from './offers.js';
import { escapeXml, leaf } from './xml.js';

/** What a file says. */
export interface ClientFacts {
  readonly domain: string;
  readonly host: string;
  readonly displayName: string;
  readonly offers: readonly Offer[];
}

/** `config-v1.1.xml`; clients take the first server that they can speak with. */
export function thunderbirdConfig({ domain, host, displayName, offers }: ClientFacts): string {
  const server = ({ protocol, port, tls }: Offer) => {
    const element = protocol === 'submission' ? 'outgoingServer' : 'incomingServer';
    const type = protocol === 'submission' ? 'smtp' : protocol;
    return [
      `<${element} type="${type}">`,
      leaf('hostname', host),
      leaf('port', port),
      leaf('socketType', tls === 'implicit' ? 'SSL' : 'STARTTLS'),
      leaf('authentication', 'password-cleartext'),
      leaf('username', '%EMAILADDRESS%'),
      `</${element}>`,
    ].join('\n');
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<clientConfig version="1.1">',
    `<emailProvider id="${escapeXml(domain)}">`,
    leaf('domain', domain),
    leaf('displayName', displayName),
    leaf('displayShortName', displayName),
    ...offers.map(server),
    '</emailProvider>',
    '</clientConfig>\n',
  ].join('\n');
}
