/** The name of an attachment, however it is written (RFC 2183 section 2.3, RFC 2231 sections 3 and 4). */
import { charsetDecoder, decodeHeaderValue, type MimeParameters, type MimePart } from '@postroad/core';

const nameLengthMax = 1_024;

/** The name that mail programs show; empty when there is none. Control characters and paths are taken out. */
export function attachmentName(part: MimePart): string {
  const named =
    textOf(part.disposition?.parameters ?? [], 'filename') ?? textOf(part.parameters, 'name') ?? '';
  return cleanName(named);
}

/** What is left of a name when nothing in it can hide its end: no controls, no direction marks, no folders. */
export function cleanName(name: string): string {
  const plain = name.slice(0, nameLengthMax).replace(/[\p{Cc}\p{Cf}]/gu, '');
  return plain.slice(Math.max(plain.lastIndexOf('/'), plain.lastIndexOf('\\')) + 1).trim();
}

function textOf(parameters: MimeParameters, name: string): string | undefined {
  const plain = parameters.find(([key]) => key === name)?.[1];
  const extended = parameters.find(([key]) => key === `${name}*`)?.[1];
  if (extended !== undefined) return decodeExtended(extended);
  const pieces = parameters
    .map(([key, value]) => ({ match: /^(.+)\*(\d{1,3})(\*?)$/.exec(key), value }))
    .filter(({ match }) => match?.[1] === name)
    .sort((a, b) => Number(a.match?.[2]) - Number(b.match?.[2]));
  if (pieces.length === 0) return plain === undefined ? undefined : decodeHeaderValue(plain);
  const isEncoded = pieces[0]?.match?.[3] === '*';
  const joined = pieces.map(({ value }) => value).join('');
  return isEncoded ? decodeExtended(joined) : joined;
}

/** `charset'language'percent-encoded`. */
function decodeExtended(value: string): string {
  const match = /^([^']*)'[^']*'(.*)$/s.exec(value);
  const octets = Buffer.from(
    (match?.[2] ?? value).replace(/%([0-9a-f]{2})/gi, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  );
  const decoder = charsetDecoder(match?.[1]);
  return decoder.write(octets) + decoder.end();
}
