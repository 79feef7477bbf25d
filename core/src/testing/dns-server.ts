/** A small DNS server on loopback, over UDP and TCP, that plays zones and failures from a script. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import {
  type DnsAnswer,
  type DnsQuestion,
  type DnsRecord,
  decodeQuestion,
  encodeAnswer,
} from '../dns/wire.js';
import type { MxRecord, SrvRecord } from '../services/resolver.js';

/** What a name has. Addresses stand under `A` and `AAAA`, names under `CNAME` and `PTR`. */
export interface DnsEntry {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly MX?: readonly MxRecord[];
  readonly TXT?: readonly string[];
  readonly PTR?: readonly string[];
  readonly TLSA?: readonly {
    readonly usage: number;
    readonly selector: number;
    readonly matchingType: number;
    readonly certificate: Uint8Array;
  }[];
  readonly SRV?: readonly SrvRecord[];
  readonly CNAME?: string;
  /** Time to live of all of these; default 60. */
  readonly ttlSeconds?: number;
  /** Answers carry the AD bit. */
  readonly isAuthentic?: boolean;
  /** Over UDP the answer says only that it does not fit. */
  readonly isTruncated?: boolean;
}

/** How a name fails: with an error, or without a word. */
export type DnsFailure =
  | 'servfail'
  | 'refused'
  | 'nxdomain'
  | 'silence'
  | 'garbage'
  | 'wrong-id'
  | 'drop-tcp';

/** Names and what becomes of questions for them. What is not named does not exist. */
export type DnsZones = Readonly<Record<string, DnsEntry | DnsFailure>>;

/** The running server. */
export interface DnsServer {
  /** `127.0.0.1:port`, for `dns.servers`. */
  readonly address: string;
  /** The questions heard, as `TYPE name` with `tcp` where they came that way. */
  readonly questions: readonly string[];
  /** Changes or adds a name; `undefined` removes it. */
  set(name: string, entry: DnsEntry | DnsFailure | undefined): void;
  close(): Promise<void>;
}

const rcodes = { servfail: 2, nxdomain: 3, refused: 5 } as const;

/** Where it listens, for programs that know port 53 only; a free port of 127.0.0.1 by default. */
export interface DnsPlace {
  readonly host?: string;
  readonly port?: number;
}

/** Starts it on a free port. */
export async function startDnsServer(zones: DnsZones = {}, place: DnsPlace = {}): Promise<DnsServer> {
  const entries = new Map(Object.entries(zones).map(([name, entry]) => [name.toLowerCase(), entry]));
  const questions: string[] = [];
  const sockets = new Set<Socket>();
  const respond = (bytes: Buffer, isTcp: boolean): Buffer | 'drop' | undefined => {
    const question = decodeQuestion(bytes);
    if (question === undefined) return undefined;
    questions.push(`${question.type} ${question.name}${isTcp ? ' tcp' : ''}`);
    return answer(entries, question, isTcp);
  };
  const server = createServer((socket) => serveTcp(socket, sockets, respond));
  const { udp, port } = await listenOnBoth(server, place);
  udp.on('message', (bytes, from) => {
    const response = respond(bytes, false);
    if (Buffer.isBuffer(response)) udp.send(response, from.port, from.address);
  });
  return {
    address: `${place.host ?? '127.0.0.1'}:${port}`,
    questions,
    set(name, entry) {
      if (entry === undefined) entries.delete(name.toLowerCase());
      else entries.set(name.toLowerCase(), entry);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => server.close(() => resolve())),
      ]);
    },
  };
}

/** The system gives a free TCP port; that its UDP port is free too is likely, not certain. */
async function listenOnBoth(
  server: Server,
  { host = '127.0.0.1', port: wanted = 0 }: DnsPlace,
): Promise<{ udp: DatagramSocket; port: number }> {
  for (let attempt = 0; ; attempt++) {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(wanted, host, () => resolve());
    });
    const { port } = server.address() as { port: number };
    const udp = createSocket('udp4');
    try {
      await new Promise<void>((resolve, reject) => {
        udp.once('error', reject).bind(port, host, () => resolve());
      });
      return { udp, port };
    } catch (error) {
      udp.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      if (attempt === 9) throw error;
    }
  }
}

function serveTcp(
  socket: Socket,
  sockets: Set<Socket>,
  respond: (bytes: Buffer, isTcp: boolean) => Buffer | 'drop' | undefined,
): void {
  sockets.add(socket);
  let received = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
      const end = 2 + received.readUInt16BE();
      const response = respond(received.subarray(2, end), true);
      received = received.subarray(end);
      if (response === 'drop') socket.destroy();
      if (!Buffer.isBuffer(response)) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(response.length);
      socket.write(Buffer.concat([length, response]));
    }
  });
}

type Entries = ReadonlyMap<string, DnsEntry | DnsFailure>;

function answer(entries: Entries, question: DnsQuestion, isTcp: boolean): Buffer | 'drop' | undefined {
  const entry = entries.get(question.name);
  if (entry === 'silence') return undefined;
  if (entry === 'garbage') return Buffer.from('this is not a DNS message');
  if (entry === 'wrong-id')
    return encodeAnswer({ ...question, id: question.id ^ 1 }, { rcode: 0, records: [] });
  if (entry === 'drop-tcp')
    return isTcp ? 'drop' : encodeAnswer(question, { rcode: 0, isTruncated: true, records: [] });
  if (entry === 'servfail' || entry === 'refused' || entry === 'nxdomain')
    return encodeAnswer(question, { rcode: rcodes[entry], records: [] });
  if (entry === undefined)
    return encodeAnswer(question, { rcode: rcodes.nxdomain, records: [], negativeTtlSeconds: 60 });
  return encodeAnswer(question, zoneAnswer(entries, entry, question, isTcp));
}

/** Follows aliases within the zones, as a recursive server does. */
function zoneAnswer(entries: Entries, entry: DnsEntry, question: DnsQuestion, isTcp: boolean): DnsAnswer {
  const records: DnsRecord[] = [];
  let name = question.name;
  let at: DnsEntry | undefined = entry;
  for (let step = 0; step < 20 && at?.CNAME !== undefined; step++) {
    records.push({ name, ttlSeconds: at.ttlSeconds ?? 60, type: 'CNAME', value: at.CNAME.toLowerCase() });
    name = at.CNAME.toLowerCase();
    const next: DnsEntry | DnsFailure | undefined = entries.get(name);
    at = typeof next === 'object' ? next : undefined;
  }
  if (at !== undefined) records.push(...recordsOf(name, at, question.type));
  const isEmpty = records.every((record) => record.type === 'CNAME');
  return {
    rcode: 0,
    isTruncated: entry.isTruncated === true && !isTcp,
    isAuthentic: entry.isAuthentic === true,
    records,
    ...(isEmpty && { negativeTtlSeconds: entry.ttlSeconds ?? 60 }),
  };
}

function recordsOf(name: string, entry: DnsEntry, type: string): DnsRecord[] {
  const base = { name, ttlSeconds: entry.ttlSeconds ?? 60 };
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'PTR':
    case 'TXT':
      return (entry[type] ?? []).map((value) => ({ ...base, type, value }));
    case 'MX':
      return (entry.MX ?? []).map((mx) => ({ ...base, type: 'MX', ...mx }));
    case 'SRV':
      return (entry.SRV ?? []).map((srv) => ({ ...base, type: 'SRV', ...srv }));
    case 'TLSA':
      return (entry.TLSA ?? []).map((tlsa) => ({ ...base, type: 'TLSA', ...tlsa }));
    default:
      return [];
  }
}
