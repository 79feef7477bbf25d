/**
 * Binary messages as they may be fetched: octets with NUL must not be sent but by BINARY (RFC 9051 section 4.3.1, RFC 3516
 * section 4.4), so what is appended with NUL is kept in quoted-printable or base64. BINARY gives back the octets that came.
 */
import { type Body, planConversion } from '@postroad/core';
import type { Session } from './session.js';

/** The message without NUL, noted in `made`; the same one when it is signed, or says that it is encoded already. */
export async function textual(session: Session, message: Body, made: Body[]): Promise<Body> {
  const conversion = await planConversion(message, { allowsUtf8Headers: true });
  if (conversion === undefined) return message;
  const body = await session.server.spool.store(conversion.open());
  made.push(body);
  return body;
}
