/** DNS messages (RFC 1035 section 4) as values; the one importer of dns-packet. */
import { type Answer, type DecodedPacket, decode, encode, type Packet, type Question } from 'dns-packet';
import type { SrvRecord, TlsaRecord } from '../services/resolver.js';
import { isWellFramed } from './framing.js';

/** The record types that are asked for. */
export type DnsType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'TXT' | 'PTR' | 'SRV' | 'TLSA';

/** One record of an answer, by its type. Names are lower case and without a final dot. */
export type DnsRecord = { readonly name: string; readonly ttlSeconds: number } & (
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR'; readonly value: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly value: string }
  | ({ readonly type: 'SRV' } & SrvRecord)
  | ({ readonly type: 'TLSA' } & TlsaRecord)
);

/** What a server answered. */
export interface DnsResponse {
  readonly id: number;
  readonly isResponse: boolean;
  readonly rcode: string;
  readonly isTruncated: boolean;
  /** The server says that it has validated the answer (RFC 4035 section 3.2.3); worth what the way to it is worth. */
  readonly isAuthentic: boolean;
  readonly question: { readonly name: string; readonly type: string } | undefined;
  readonly records: readonly DnsRecord[];
  /** How long "there is none" holds: from the SOA of the authority section (RFC 2308 section 5). */
  readonly negativeTtlSeconds: number | undefined;
}

/** Octets of a response over UDP that we can take: small enough not to be fragmented. */
export const udpPayloadOctets = 1232;

const recursionDesired = 1 << 8;
const authenticData = 1 << 5;

/** Writes a query. `edns` adds the OPT record (RFC 6891); some old servers do not know it. */
export function encodeQuery(id: number, name: string, type: DnsType, edns: boolean): Buffer {
  return encode({
    type: 'query',
    id,
    // AD in a query asks for AD in the answer without asking for the signatures (RFC 6840 section 5.7).
    flags: recursionDesired | authenticData,
    questions: [{ type, name, class: 'IN' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: udpPayloadOctets,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/** Reads a response; `undefined` when it is not a DNS message. */
export function decodeResponse(bytes: Buffer): DnsResponse | undefined {
  if (!isWellFramed(bytes)) return undefined;
  let packet: DecodedPacket;
  try {
    packet = decode(bytes);
  } catch {
    // A message that can not be read is no answer: the caller waits for a better one until its time is over.
    return undefined;
  }
  const question = packet.questions?.[0];
  return {
    id: packet.id ?? 0,
    isResponse: packet.type === 'response',
    rcode: (packet as { rcode?: string }).rcode ?? 'SERVFAIL',
    isTruncated: packet.flag_tc,
    isAuthentic: packet.flag_ad,
    question: question === undefined ? undefined : { name: plainName(question.name), type: question.type },
    records: (packet.answers ?? []).map(recordOf).filter((record) => record !== undefined),
    negativeTtlSeconds: negativeTtl(packet.authorities ?? []),
  };
}

/** A question as a server of the test kit reads it. */
export interface DnsQuestion {
  readonly id: number;
  readonly name: string;
  readonly type: string;
}

/** Reads a query; `undefined` when it is none. */
export function decodeQuestion(bytes: Buffer): DnsQuestion | undefined {
  try {
    const packet = decode(bytes);
    const question = packet.questions?.[0];
    if (packet.type !== 'query' || question === undefined) return undefined;
    return { id: packet.id ?? 0, name: plainName(question.name), type: question.type };
  } catch {
    // Not a DNS message; a server that hears noise stays silent.
    return undefined;
  }
}

/** What a server of the test kit answers. */
export interface DnsAnswer {
  readonly rcode: number;
  readonly isTruncated?: boolean;
  readonly isAuthentic?: boolean;
  readonly records: readonly DnsRecord[];
  /** Given with an empty answer. */
  readonly negativeTtlSeconds?: number;
}

/** Writes a response to a question. */
export function encodeAnswer(question: DnsQuestion, answer: DnsAnswer): Buffer {
  const packet: Packet = {
    type: 'response',
    id: question.id,
    flags:
      recursionDesired |
      (1 << 7) |
      (answer.isTruncated === true ? 1 << 9 : 0) |
      (answer.isAuthentic === true ? authenticData : 0) |
      answer.rcode,
    questions: [{ type: question.type, name: question.name, class: 'IN' } as Question],
    answers: answer.isTruncated === true ? [] : answer.records.map(answerOf),
    authorities:
      answer.negativeTtlSeconds === undefined ? [] : [soa(question.name, answer.negativeTtlSeconds)],
  };
  return encode(packet);
}

function recordOf(answer: Answer): DnsRecord | undefined {
  if (answer.type === 'OPT' || (answer.class ?? 'IN') !== 'IN') return undefined;
  const base = { name: plainName(answer.name), ttlSeconds: 'ttl' in answer ? (answer.ttl ?? 0) : 0 };
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return { ...base, type: answer.type, value: answer.data };
    case 'CNAME':
    case 'PTR':
      return { ...base, type: answer.type, value: plainName(answer.data) };
    case 'MX':
      return {
        ...base,
        type: 'MX',
        preference: answer.data.preference ?? 0,
        exchange: plainName(answer.data.exchange),
      };
    case 'TXT':
      return { ...base, type: 'TXT', value: joinStrings(answer.data) };
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return { ...base, type: 'SRV', priority, weight, port, target: plainName(target) };
    }
    case 'TLSA': {
      const { usage, selector, matchingType, certificate } = answer.data;
      return { ...base, type: 'TLSA', usage, selector, matchingType, certificate };
    }
    default:
      return undefined;
  }
}

function answerOf(record: DnsRecord): Answer {
  const base = { name: record.name, ttl: record.ttlSeconds, class: 'IN' as const };
  switch (record.type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'PTR':
      return { ...base, type: record.type, data: record.value };
    case 'MX':
      return { ...base, type: 'MX', data: { preference: record.preference, exchange: record.exchange } };
    case 'TXT':
      return { ...base, type: 'TXT', data: splitStrings(record.value) };
    case 'SRV': {
      const { priority, weight, port, target } = record;
      return { ...base, type: 'SRV', data: { priority, weight, port, target: target === '' ? '.' : target } };
    }
    case 'TLSA': {
      const { usage, selector, matchingType } = record;
      return {
        ...base,
        type: 'TLSA',
        data: { usage, selector, matchingType, certificate: Buffer.from(record.certificate) },
      };
    }
  }
}

function joinStrings(data: string | Buffer | readonly (string | Buffer)[]): string {
  const strings = Array.isArray(data) ? (data as readonly (string | Buffer)[]) : [data as string | Buffer];
  return Buffer.concat(strings.map((part) => Buffer.from(part as string))).toString('utf8');
}

/** Each string of a TXT record has at most 255 octets (RFC 1035 section 3.3). */
function splitStrings(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += 255) strings.push(bytes.subarray(at, at + 255));
  return strings;
}

function negativeTtl(authorities: readonly Answer[]): number | undefined {
  for (const answer of authorities) {
    if (answer.type === 'SOA') return Math.min(answer.ttl ?? 0, answer.data.minimum ?? 0);
  }
  return undefined;
}

function soa(name: string, minimum: number): Answer {
  return {
    type: 'SOA',
    name,
    ttl: minimum,
    data: {
      mname: 'ns.invalid',
      rname: 'hostmaster.invalid',
      serial: 1,
      refresh: 1,
      retry: 1,
      expire: 1,
      minimum,
    },
  };
}

function plainName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
