/**
 * The PROXY protocol, versions 1 and 2: a proxy in front of us says who the client is, before anything else. Parsing
 * looks at octets only; whether the peer may say it is for the caller.
 */

import { isIP } from 'node:net';

/** One end of the connection as the proxy saw it. */
export interface ProxyEndpoint {
  readonly address: string;
  readonly port: number;
}

/** What the header says; without endpoints the proxy speaks for itself, as in its health checks. */
export interface ProxyHeader {
  /** Octets of the header; the client's own begin behind it. */
  readonly length: number;
  readonly source?: ProxyEndpoint;
  readonly destination?: ProxyEndpoint;
}

/** `more`: the header is not whole yet; `bad`: it is none. */
export type ProxyHeaderResult = ProxyHeader | 'more' | 'bad';

/** The longest header of version 1, its CRLF included. */
const lineOctetsMax = 107;
/** Version 2 allows 65,535 octets of extensions; nobody sends so many. */
const extensionOctetsMax = 4_096;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

const linePattern = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (\d{1,5}) (\d{1,5})$/;

/** Reads a header at the beginning of what has come. */
export function parseProxyHeader(octets: Buffer): ProxyHeaderResult {
  const known = Math.min(octets.length, signature.length);
  if (octets.subarray(0, known).equals(signature.subarray(0, known))) return parseBinary(octets);
  const start = Math.min(octets.length, 6);
  return octets.toString('latin1', 0, start) === 'PROXY '.slice(0, start) ? parseLine(octets) : 'bad';
}

function parseLine(octets: Buffer): ProxyHeaderResult {
  const end = octets.subarray(0, lineOctetsMax).indexOf('\r\n');
  if (end < 0) return octets.length < lineOctetsMax ? 'more' : 'bad';
  const line = octets.toString('latin1', 0, end);
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { length: end + 2 };
  const match = linePattern.exec(line);
  if (match === null) return 'bad';
  const version = match[1] === 'TCP4' ? 4 : 6;
  const source = endpoint(match[2] as string, Number(match[4]), version);
  const destination = endpoint(match[3] as string, Number(match[5]), version);
  if (source === undefined || destination === undefined) return 'bad';
  return { length: end + 2, source, destination };
}

function endpoint(address: string, port: number, version: 4 | 6): ProxyEndpoint | undefined {
  return isIP(address) === version && port <= 65_535 ? { address: address.toLowerCase(), port } : undefined;
}

function parseBinary(octets: Buffer): ProxyHeaderResult {
  if (octets.length < 16) return 'more';
  const command = octets.readUInt8(12);
  const family = octets.readUInt8(13);
  const rest = octets.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 0x0f) > 1 || rest > extensionOctetsMax) return 'bad';
  const length = 16 + rest;
  if (octets.length < length) return 'more';
  // LOCAL, and what is neither TCP over IPv4 nor over IPv6, leaves the addresses as they are.
  if ((command & 0x0f) === 0) return { length };
  if (family === 0x11) return rest < 12 ? 'bad' : { length, ...endpoints(octets, 4, readAddress4) };
  if (family === 0x21) return rest < 36 ? 'bad' : { length, ...endpoints(octets, 16, readAddress6) };
  return { length };
}

function endpoints(octets: Buffer, size: number, read: (octets: Buffer, at: number) => string) {
  const ports = 16 + 2 * size;
  return {
    source: { address: read(octets, 16), port: octets.readUInt16BE(ports) },
    destination: { address: read(octets, 16 + size), port: octets.readUInt16BE(ports + 2) },
  };
}

function readAddress4(octets: Buffer, at: number): string {
  return octets.subarray(at, at + 4).join('.');
}

function readAddress6(octets: Buffer, at: number): string {
  const groups: string[] = [];
  for (let index = 0; index < 16; index += 2) groups.push(octets.readUInt16BE(at + index).toString(16));
  // The URL parser writes IPv6 addresses as RFC 5952 wants them.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
