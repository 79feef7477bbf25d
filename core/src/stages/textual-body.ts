/**
 * BINARYMIME lets any octets in (RFC 3030 section 3), but a mailbox holds text: IMAP must not send a NUL outside of a
 * literal8 (RFC 9051 section 4.3.1), and POP3 has lines (RFC 1939 section 3). It is converted when it is filed rather than
 * when it is read: then sizes, structure and offsets are those of what is sent, with every store and protocol, and in a
 * Maildir other programs find text too. BINARY gives back the octets that came (RFC 3516).
 */
import type { Body } from '../body/body.js';
import { planConversion } from '../mime/convert/conversion.js';
import { surveyRegions } from '../mime/convert/survey-regions.js';
import type { QueuedMessage } from '../services/queue-store.js';
import type { Spool } from '../services/spool.js';

/**
 * What whoever files a message should file in place of its body; the caller releases it. `undefined` when the body is
 * text as it is, or is signed or said to be encoded where it is not: that is filed as it came. Rejects with `E_SPOOL`.
 */
export async function textualBody(
  { parameters, body }: Pick<QueuedMessage, 'parameters' | 'body'>,
  spool: Pick<Spool, 'store'>,
): Promise<Body | undefined> {
  if (parameters.bodyType !== 'binarymime') return undefined;
  const [facts] = await surveyRegions(body, [{ start: 0, end: body.sizeBytes, is: 'fixed' }]);
  if (facts?.isPlain !== false) return undefined;
  const conversion = await planConversion(body, { allowsUtf8Headers: true });
  return conversion === undefined ? undefined : await spool.store(conversion.open());
}
