/** The messages of SCRAM (RFC 5802 section 7), read strictly. */

/** What the client says of channel binding (RFC 5802 section 6). */
export type Gs2Binding =
  | { readonly kind: 'unsupported' }
  /** The client could, and believes that the server can't. */
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'used'; readonly type: string };

/** The GS2 header (RFC 5801 section 4). */
export interface Gs2Header {
  readonly binding: Gs2Binding;
  readonly authorizationId: string;
  /** The header as it was sent, and what is behind it. */
  readonly text: string;
  readonly rest: string;
}

/** The client's first message. */
export interface ClientFirst {
  readonly header: Gs2Header;
  /** The message without its header. */
  readonly bare: string;
  readonly login: string;
  readonly nonce: string;
}

/** The client's last message. */
export interface ClientFinal {
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: string;
  readonly withoutProof: string;
}

const printable = /^[\x21-\x2b\x2d-\x7e]+$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const nonceLengthMax = 512;

/** Reads a GS2 header from the start of a message. */
export function readGs2Header(text: string): Gs2Header | undefined {
  const match = /^(?:(n)|(y)|p=([A-Za-z0-9.-]{1,64})),(?:a=([^,]*))?,/.exec(text);
  if (match === null) return undefined;
  const [whole, isUnsupported, isNotOffered, type = '', name] = match;
  const authorizationId = name === undefined ? '' : readName(name);
  if (authorizationId === undefined || (name !== undefined && authorizationId === '')) return undefined;
  const binding: Gs2Binding =
    isUnsupported !== undefined
      ? { kind: 'unsupported' }
      : isNotOffered !== undefined
        ? { kind: 'not-offered' }
        : { kind: 'used', type };
  return { binding, authorizationId, text: whole, rest: text.slice(whole.length) };
}

/** `n,,n=user,r=nonce`; extensions behind are passed over, a mandatory one (`m=`) in front is not known. */
export function readClientFirst(text: string): ClientFirst | undefined {
  const header = readGs2Header(text);
  const match = /^n=([^,]+),r=([^,]+)(?:,[a-zA-Z]=[^,]*)*$/.exec(header?.rest ?? '');
  if (header === undefined || match === null) return undefined;
  const [, name = '', nonce = ''] = match;
  const login = readName(name);
  if (login === undefined || !printable.test(nonce) || nonce.length > nonceLengthMax) return undefined;
  return { header, bare: header.rest, login, nonce };
}

/** `c=binding,r=nonce,p=proof`. */
export function readClientFinal(text: string): ClientFinal | undefined {
  const match = /^(c=([^,]+),r=([^,]+)(?:,[a-zA-Z]=[^,]*)*),p=([^,]+)$/.exec(text);
  if (match === null) return undefined;
  const [, withoutProof = '', channelBinding = '', nonce = '', proof = ''] = match;
  if (!base64.test(channelBinding) || !base64.test(proof)) return undefined;
  return { channelBinding, nonce, proof, withoutProof };
}

/** RFC 5802 section 5.1: `=2C` is a comma, `=3D` an equals sign, and nothing else begins with one. */
function readName(text: string): string | undefined {
  if (text.includes('\0') || /=(?!2C|3D)/.test(text)) return undefined;
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
