/**
 * The milter protocol, version 6, on the wire: packets of a length, a letter and data. There is no RFC; the protocol is
 * what libmilter of Sendmail 8.14 and later speaks.
 */
import { MailError, type PeerConnection } from '@postroad/core';

/** What the server says. */
export const commands = {
  negotiate: 'O',
  unknown: 'U',
  macros: 'D',
  connect: 'C',
  hello: 'H',
  mail: 'M',
  recipient: 'R',
  data: 'T',
  header: 'L',
  endOfHeader: 'N',
  body: 'B',
  endOfBody: 'E',
  abort: 'A',
  quit: 'Q',
} as const;

/** What a filter may change at the end of the message; each is asked for in the negotiation. */
export const actions = {
  addHeader: 0x01,
  changeBody: 0x02,
  addRecipient: 0x04,
  deleteRecipient: 0x08,
  changeHeader: 0x10,
  quarantine: 0x20,
  changeFrom: 0x40,
  addRecipientWithParameters: 0x80,
  setMacroLists: 0x100,
} as const;

/** Which steps a filter does not want, and which it does not answer. */
export const steps = {
  noConnect: 0x01,
  noHello: 0x02,
  noMail: 0x04,
  noRecipient: 0x08,
  noBody: 0x10,
  noHeaders: 0x20,
  noEndOfHeader: 0x40,
  silentHeader: 0x80,
  noUnknown: 0x100,
  noData: 0x200,
  skip: 0x400,
  refusedRecipients: 0x800,
  silentConnect: 0x1000,
  silentHello: 0x2000,
  silentMail: 0x4000,
  silentRecipient: 0x8000,
  silentData: 0x10000,
  silentUnknown: 0x20000,
  silentEndOfHeader: 0x40000,
  silentBody: 0x80000,
  leadingSpace: 0x100000,
  pieces256K: 0x10000000,
  pieces1M: 0x20000000,
} as const;

/** All changes can be made. */
export const offeredActions = Object.values(actions).reduce((all, bit) => all | bit, 0);
/** All steps but refused recipients: what is refused is not shown. */
export const offeredSteps =
  Object.values(steps).reduce((all, bit) => all | bit, 0) & ~steps.refusedRecipients;

/** The most that a piece of a body may have, as agreed (`SMFIP_MDS_1M` and its like). */
export function bodyPieceOctets(has: (step: keyof typeof steps) => boolean): number {
  if (has('pieces1M')) return 1_048_575;
  return has('pieces256K') ? 262_143 : 65_535;
}
/** The most that a packet of a filter may have: a whole piece of a body and then some. */
const packetOctetsMax = 1_100_000;

/** A packet. */
export interface Packet {
  readonly letter: string;
  readonly data: Buffer;
}

/** A packet's octets. */
export function packetOf(letter: string, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const data = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  const head = Buffer.alloc(5);
  head.writeUInt32BE(data.length + 1);
  head.write(letter, 4, 'latin1');
  return Buffer.concat([head, data]);
}

/** A number of four octets. */
export function numberOf(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
}

/** Reads one packet. */
export async function readPacket(peer: PeerConnection): Promise<Packet> {
  const length = (await peer.take(4)).readUInt32BE();
  if (length < 1 || length > packetOctetsMax) throw wrong(`a packet of ${length} octets`);
  const octets = await peer.take(length);
  return { letter: octets.toString('latin1', 0, 1), data: octets.subarray(1) };
}

/** The texts of a packet, each ended by NUL. */
export function textsOf(data: Buffer, count: number): readonly string[] {
  const texts = data.toString('utf8').split('\0');
  if (texts.length <= count || texts.pop() !== '') throw wrong('a text without its end');
  return texts;
}

/** What a filter that breaks the protocol is. */
export function wrong(what: string): MailError {
  return new MailError('E_PEER', `the milter sent ${what}`);
}
