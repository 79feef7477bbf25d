/** What clients can connect to: read off the ports that are open, so that it can't be anything else. */
import { isIP } from 'node:net';
import type { OpenListener } from '@postroad/core';
import type { AccessAutoconfigConfig } from './options.js';

/** A way in. */
export interface Offer {
  readonly protocol: 'imap' | 'pop3' | 'submission';
  readonly port: number;
  /** TLS from the first octet, or by STARTTLS; nothing else is told of. */
  readonly tls: 'implicit' | 'starttls';
}

/** The ways in, those with TLS from the first octet in front (RFC 8314). */
export function offersOf(
  open: readonly OpenListener[],
  { ports, showsLoopback }: Pick<AccessAutoconfigConfig, 'ports' | 'showsLoopback'>,
): readonly Offer[] {
  const offers: Offer[] = [];
  for (const { host, port, protocol, role, tls } of open) {
    if (tls === 'none' || (isLoopback(host) && !showsLoopback)) continue;
    const shown = ports[String(port)] ?? port;
    if (role === 'submission') offers.push({ protocol: 'submission', port: shown, tls });
    else if (protocol === 'imap') offers.push({ protocol: 'imap', port: shown, tls });
    else if (protocol === 'pop3') offers.push({ protocol: 'pop3', port: shown, tls });
  }
  const rank = ({ tls }: Offer) => (tls === 'implicit' ? 0 : 1);
  return offers.sort((a, b) => a.protocol.localeCompare(b.protocol) || rank(a) - rank(b) || a.port - b.port);
}

function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'));
}
