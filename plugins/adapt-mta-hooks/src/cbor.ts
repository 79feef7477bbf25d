/**
 * CBOR (RFC 8949) as far as JSON-like values with octets go: no tags but those that can be ignored, lengths known in
 * front or not, everything bounded by the octets that there are.
 */

/** A value that both serialisations can say; octets are base64 in JSON. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain | undefined };

const depthMax = 32;

/** The octets of a value; properties that are `undefined` are left out. */
export function encodeCbor(value: Plain): Buffer {
  if (value === null) return Buffer.from([0xf6]);
  if (typeof value === 'boolean') return Buffer.from([value ? 0xf5 : 0xf4]);
  if (typeof value === 'number') return encodeNumber(value);
  if (typeof value === 'string') {
    const octets = Buffer.from(value);
    return Buffer.concat([head(3, octets.length), octets]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encodeCbor)]);
  const entries = Object.entries(value).filter((entry): entry is [string, Plain] => entry[1] !== undefined);
  const parts = entries.flatMap(([key, inner]) => [encodeCbor(key), encodeCbor(inner)]);
  return Buffer.concat([head(5, entries.length), ...parts]);
}

/** The head of an item: its major type and a length or number. */
export function head(major: number, argument: number): Buffer {
  const kind = major << 5;
  if (argument < 24) return Buffer.from([kind | argument]);
  if (argument < 0x100) return Buffer.from([kind | 24, argument]);
  if (argument < 0x10000) return Buffer.from([kind | 25, argument >> 8, argument & 0xff]);
  const octets = Buffer.alloc(argument < 0x100000000 ? 5 : 9);
  octets[0] = kind | (octets.length === 5 ? 26 : 27);
  if (octets.length === 5) octets.writeUInt32BE(argument, 1);
  else octets.writeBigUInt64BE(BigInt(argument), 1);
  return octets;
}

function encodeNumber(value: number): Buffer {
  if (Number.isSafeInteger(value)) return value >= 0 ? head(0, value) : head(1, -1 - value);
  const octets = Buffer.alloc(9);
  octets[0] = 0xfb;
  octets.writeDoubleBE(value, 1);
  return octets;
}

/** Reads one value that is all of the octets; throws `RangeError` for anything else. */
export function decodeCbor(octets: Uint8Array): Plain {
  const reader = new Reader(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
  const value = reader.value(0);
  if (value === end || !reader.isDone) throw new RangeError('not one CBOR value');
  return value;
}

const end = Symbol('break');

class Reader {
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get isDone(): boolean {
    return this.#at === this.#octets.length;
  }

  value(depth: number): Plain | typeof end {
    if (depth > depthMax) throw new RangeError('CBOR is nested too deep');
    const first = this.#take(1)[0] as number;
    const major = first >> 5;
    const short = first & 31;
    if (major === 7) return this.#simple(short);
    const length = short === 31 ? undefined : this.#argument(short);
    switch (major) {
      case 0:
        return known(length);
      case 1:
        return -1 - known(length);
      case 2:
        return length === undefined ? Buffer.concat(this.#pieces(depth).map(asOctets)) : this.#take(length);
      case 3:
        return length === undefined
          ? this.#pieces(depth).map(asText).join('')
          : this.#take(length).toString('utf8');
      case 4:
        return this.#items(length, depth);
      case 5:
        return this.#map(length, depth);
      default:
        // A tag says more about the value that follows; the value is enough.
        known(length);
        return this.value(depth + 1);
    }
  }

  #items(length: number | undefined, depth: number): Plain[] {
    const items: Plain[] = [];
    while (length === undefined || items.length < length) {
      const item = this.value(depth + 1);
      if (item === end) {
        if (length !== undefined) throw new RangeError('CBOR ends too early');
        break;
      }
      items.push(item);
    }
    return items;
  }

  #map(length: number | undefined, depth: number): Plain {
    const items = this.#items(length === undefined ? undefined : length * 2, depth);
    if (items.length % 2 !== 0) throw new RangeError('a CBOR map has a key without a value');
    const entries: [string, Plain][] = [];
    for (let at = 0; at < items.length; at += 2) {
      const key = items[at];
      if (typeof key !== 'string') throw new RangeError('a CBOR map has a key that is no text');
      entries.push([key, items[at + 1] as Plain]);
    }
    return Object.fromEntries(entries);
  }

  /** The pieces of a text or octets of unknown length. */
  #pieces(depth: number): readonly Plain[] {
    return this.#items(undefined, depth);
  }

  #simple(short: number): Plain | typeof end {
    switch (short) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return null;
      case 25:
        return readHalf(this.#take(2));
      case 26:
        return this.#take(4).readFloatBE();
      case 27:
        return this.#take(8).readDoubleBE();
      case 31:
        return end;
      default:
        throw new RangeError('CBOR has a simple value that is none');
    }
  }

  #argument(short: number): number {
    if (short < 24) return short;
    if (short === 24) return this.#take(1)[0] as number;
    if (short === 25) return this.#take(2).readUInt16BE();
    if (short === 26) return this.#take(4).readUInt32BE();
    if (short !== 27) throw new RangeError('CBOR has a head that is none');
    const long = this.#take(8).readBigUInt64BE();
    if (long > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('CBOR has a number that is too large');
    return Number(long);
  }

  #take(octets: number): Buffer {
    if (this.#at + octets > this.#octets.length) throw new RangeError('CBOR ends too early');
    const taken = this.#octets.subarray(this.#at, this.#at + octets);
    this.#at += octets;
    return taken;
  }
}

function asOctets(piece: Plain): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  throw new RangeError('CBOR has a piece that is none');
}

function asText(piece: Plain): string {
  if (typeof piece === 'string') return piece;
  throw new RangeError('CBOR has a piece that is none');
}

function known(length: number | undefined): number {
  if (length === undefined) throw new RangeError('CBOR has a number of unknown length');
  return length;
}

/** RFC 8949 appendix D. */
function readHalf(octets: Buffer): number {
  const half = octets.readUInt16BE();
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const sign = half >> 15 === 0 ? 1 : -1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (fraction + 1024) * 2 ** (exponent - 25);
}
