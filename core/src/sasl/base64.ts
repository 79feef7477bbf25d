/** The base64 of exchanges (RFC 4648 section 4), strict: what two readers could take for two things is refused. */

const pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The octets of a response; `undefined` when it is not base64. */
export function decodeResponse(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !pattern.test(text)) return undefined;
  const octets = Buffer.from(text, 'base64');
  // RFC 4648 section 3.5: the bits behind the end must be zero.
  return octets.toString('base64') === text ? octets : undefined;
}

/** Like `decodeResponse`, for a response behind the mechanism: `=` stands for no octets (RFC 4954, 4959, 5034). */
export function decodeInitialResponse(text: string): Buffer | undefined {
  return text === '=' ? Buffer.alloc(0) : text === '' ? undefined : decodeResponse(text);
}

/** A challenge as base64. */
export function encodeChallenge(challenge: Uint8Array): string {
  return Buffer.from(challenge.buffer, challenge.byteOffset, challenge.byteLength).toString('base64');
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of octets; `undefined` when they are not UTF-8. */
export function textOfOctets(octets: Uint8Array): string | undefined {
  try {
    return decoder.decode(octets);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
