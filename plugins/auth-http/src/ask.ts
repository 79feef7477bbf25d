/** One question to the service: JSON there, JSON back, bounded in time, size and number. */
import { MailError, messageOf } from '@postroad/core';
import type { AuthHttpConfig } from './options.js';

/** Asks; the answer's value. Throws `E_DIRECTORY` for everything that is not an answer. */
export type Ask = (
  question: string,
  given: Readonly<Record<string, unknown>>,
  signal?: AbortSignal,
) => Promise<unknown>;

const answerOctetsMax = 4_194_304;

/** Makes it. */
export function createAsk({ url, headers, timeoutMs, requestsMax }: AuthHttpConfig): Ask {
  let underWay = 0;
  return async (question, given, signal) => {
    if (underWay >= requestsMax) throw new MailError('E_DIRECTORY', 'too many questions at once');
    underWay++;
    try {
      const limit = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ question, ...given }),
        // A password may not be carried on to somewhere else.
        redirect: 'error',
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      const text = await readText(response);
      if (response.status !== 200) throw new Error(`the answer has status ${response.status}`);
      return JSON.parse(text) as unknown;
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      throw new MailError('E_DIRECTORY', `the web service does not answer: ${messageOf(cause)}`, { cause });
    } finally {
      underWay--;
    }
  };
}

async function readText(response: Response): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    octets += chunk.length;
    if (octets > answerOctetsMax) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
