/**
 * Reads address fields (RFC 5322 section 3.4) for the IMAP envelope. It never fails and runs in linear time: what is
 * not an address is passed over up to the next comma, obsolete forms (routes, comments as names) are understood.
 */
import type { EnvelopeAddress } from './structure.js';

/** Most addresses read from one field; what follows is ignored. */
export const addressesMax = 10_000;

/** One piece of an address field. */
interface Piece {
  readonly kind: 'word' | 'quoted' | 'comment' | 'special';
  readonly text: string;
  /** Whether white space or a comment stands before it. */
  readonly isApart: boolean;
}

/** What has been read of the address at hand. */
interface Draft {
  words: string;
  comment: string | null;
  /** Set inside or behind angle brackets: the name that stood before them. */
  name: string | null;
  route: string | null;
  mailbox: string | null;
  host: string | null;
  isBracketed: boolean;
}

/**
 * The addresses of an unfolded field value; `null` when it has none. A group starts with its name as `mailbox` and a
 * null `host`, and ends with an entry of nulls (RFC 3501 section 7.4.2). An address without a domain has the host `''`.
 */
export function parseAddressList(value: string): readonly EnvelopeAddress[] | null {
  const addresses: EnvelopeAddress[] = [];
  const reader = new PieceReader(value);
  let draft = emptyDraft();
  let isInGroup = false;
  const finish = () => {
    const address = addressOf(draft);
    if (address !== undefined) addresses.push(address);
    draft = emptyDraft();
  };
  for (let piece = reader.next(); piece !== undefined; piece = reader.next()) {
    if (addresses.length >= addressesMax) break;
    if (piece.kind !== 'special') addPiece(draft, piece);
    else if (piece.text === '<') readBracketed(draft, reader);
    else if (piece.text === '@') readHost(draft, reader, piece);
    else if (piece.text === ',') finish();
    else if (piece.text === ':' && !isInGroup) {
      addresses.push({ name: null, route: null, mailbox: draft.words, host: null });
      isInGroup = true;
      draft = emptyDraft();
    } else if (piece.text === ';') {
      finish();
      if (isInGroup) addresses.push(groupEnd);
      isInGroup = false;
    }
  }
  finish();
  if (isInGroup) addresses.push(groupEnd);
  return addresses.length === 0 ? null : addresses;
}

const groupEnd: EnvelopeAddress = { name: null, route: null, mailbox: null, host: null };

function emptyDraft(): Draft {
  return { words: '', comment: null, name: null, route: null, mailbox: null, host: null, isBracketed: false };
}

function addPiece(draft: Draft, piece: Piece): void {
  if (piece.kind === 'comment') draft.comment = piece.text;
  else if (draft.host !== null || draft.isBracketed) return;
  else draft.words += (draft.words !== '' && piece.isApart ? ' ' : '') + piece.text;
}

/** `words` become the local part, what follows the at sign the host. */
function readHost(draft: Draft, reader: PieceReader, at: Piece): void {
  if (draft.isBracketed || draft.host !== null) return;
  draft.mailbox = at.isApart ? draft.words.trimEnd() : draft.words;
  draft.host = readDomain(reader);
}

/** Reads up to the closing bracket: `[route:] local-part [@ domain]`. */
function readBracketed(draft: Draft, reader: PieceReader): void {
  if (draft.isBracketed) return;
  draft.isBracketed = true;
  draft.name = draft.host === null ? draft.words : `${draft.words}@${draft.host}`;
  draft.host = null;
  let local = '';
  for (let piece = reader.peek(); piece !== undefined; piece = reader.peek()) {
    // A comma outside a route means that the bracket was never closed.
    if (piece.text === ',' && piece.kind === 'special' && !local.startsWith('@')) break;
    reader.next();
    if (piece.kind === 'comment') continue;
    if (piece.kind === 'special' && piece.text === '>') break;
    if (piece.kind === 'special' && piece.text === ':' && local.startsWith('@')) {
      draft.route = local;
      local = '';
    } else if (piece.kind === 'special' && piece.text === '@' && local !== '' && !local.startsWith('@')) {
      draft.host = readDomain(reader);
    } else local += piece.text;
  }
  draft.mailbox = local;
}

function readDomain(reader: PieceReader): string {
  let host = '';
  for (let piece = reader.peek(); piece !== undefined; piece = reader.peek()) {
    if (piece.kind === 'comment' && host === '') {
      reader.next();
      continue;
    }
    const isDomain =
      piece.kind === 'word' &&
      (host === '' || !piece.isApart || host.endsWith('.') || piece.text.startsWith('.'));
    if (!isDomain) break;
    reader.next();
    host += piece.text;
  }
  return host;
}

function addressOf(draft: Draft): EnvelopeAddress | undefined {
  if (draft.isBracketed) {
    const name = draft.name === '' || draft.name === null ? draft.comment : draft.name;
    if (draft.mailbox === '' && draft.host === null && name === null) return undefined;
    return { name, route: draft.route, mailbox: draft.mailbox ?? '', host: draft.host ?? '' };
  }
  if (draft.host !== null) {
    return { name: draft.comment, route: null, mailbox: draft.mailbox ?? '', host: draft.host };
  }
  if (draft.words === '') return undefined;
  return { name: draft.comment, route: null, mailbox: draft.words, host: '' };
}

const specials = '<>@,:;';

/** Cuts a field value into pieces, one look ahead. */
class PieceReader {
  readonly #text: string;
  #at = 0;
  #ahead: Piece | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  peek(): Piece | undefined {
    this.#ahead ??= this.#read();
    return this.#ahead;
  }

  next(): Piece | undefined {
    const piece = this.peek();
    this.#ahead = undefined;
    return piece;
  }

  #read(): Piece | undefined {
    const text = this.#text;
    const start = this.#at;
    while (isBlank(text.charCodeAt(this.#at))) this.#at++;
    const isApart = this.#at > start || text[start - 1] === ')';
    const first = text[this.#at];
    if (first === undefined) return undefined;
    if (specials.includes(first)) {
      this.#at++;
      return { kind: 'special', text: first, isApart };
    }
    if (first === '"') return { kind: 'quoted', text: this.#quoted(), isApart };
    if (first === '(') return { kind: 'comment', text: this.#comment(), isApart };
    if (first === '[') return { kind: 'word', text: this.#literal(), isApart };
    return { kind: 'word', text: this.#word(), isApart };
  }

  #word(): string {
    const start = this.#at++;
    while (this.#at < this.#text.length && !endsWord(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #literal(): string {
    const start = this.#at;
    const close = this.#text.indexOf(']', start);
    this.#at = close < 0 ? this.#text.length : close + 1;
    return this.#text.slice(start, this.#at);
  }

  #quoted(): string {
    const start = ++this.#at;
    let isEscaped = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        isEscaped = true;
        this.#at++;
      }
    }
    const raw = this.#text.slice(start, this.#at++);
    return isEscaped ? raw.replace(/\\(.)/g, '$1') : raw;
  }

  /** Comments nest; only the depth is kept, so that a thousand brackets cost nothing. */
  #comment(): string {
    const start = ++this.#at;
    let depth = 1;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x5c) this.#at++;
      else if (code === 0x28) depth++;
      else if (code === 0x29 && --depth === 0) break;
    }
    return this.#text
      .slice(start, this.#at++)
      .replace(/\\(.)/g, '$1')
      .trim();
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

/** White space, specials, a quote or a bracket. */
function endsWord(code: number): boolean {
  if (isBlank(code)) return true;
  return (
    code === 0x22 ||
    code === 0x28 ||
    code === 0x29 ||
    code === 0x2c ||
    code === 0x3a ||
    code === 0x3b ||
    code === 0x3c ||
    code === 0x3e ||
    code === 0x40 ||
    code === 0x5b
  );
}
