/** Where another program listens: a port of a host, or a socket in the file system. */
import { isIPv6 } from 'node:net';

/** A program that listens. */
export type PeerAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Reads `host:port`, `[address]:port`, both also behind `inet:`, or `unix:/path`; `undefined` when it is none of them.
 */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const unix = /^(?:unix|local):(\/.+)$/.exec(text)?.[1];
  if (unix !== undefined) return unix.includes('\0') ? undefined : { kind: 'unix', path: unix };
  const [, address, name, digits] = /^(?:inet:)?(?:\[([^\]]+)\]|([^:\s/@]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port < 1 || port > 65_535) return undefined;
  if (address !== undefined) return isIPv6(address) ? { kind: 'tcp', host: address, port } : undefined;
  return { kind: 'tcp', host: name as string, port };
}

/** The address as `parsePeerAddress` reads it; for logs. */
export function formatPeerAddress(address: PeerAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
