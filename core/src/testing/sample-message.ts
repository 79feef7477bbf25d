/** Messages for tests of queues. */
import { bodyFromBytes } from '../body/inline-body.js';
import type { NewQueuedMessage, NewQueuedRecipient } from '../services/queue-store.js';
import { defaultEnvelopeParameters } from '../values/envelope.js';

/** When the messages of `sampleMessage` were received. */
export const sampleReceivedAtMs = 1_700_000_000_000;

/** A message for tests of queues. */
export function sampleMessage(
  id: string,
  recipients: readonly (Partial<NewQueuedRecipient> & { readonly to: string })[],
  more: Partial<NewQueuedMessage> = {},
): NewQueuedMessage {
  return {
    id,
    reversePath: { localPart: 'alice', domain: 'example.org' },
    parameters: defaultEnvelopeParameters,
    headerPrefix: 'Received: from test\r\n',
    body: bodyFromBytes(Buffer.from(`Subject: ${id}\r\n\r\nhello ${id}\r\n`)),
    origin: { protocol: 'esmtp', listener: 'test', remoteAddress: '127.0.0.1', helloName: 'client.test' },
    receivedAtMs: sampleReceivedAtMs,
    expiresAtMs: sampleReceivedAtMs + 432_000_000,
    recipients: recipients.map(({ to, ...rest }) => {
      const at = to.lastIndexOf('@');
      return { address: { localPart: to.slice(0, at), domain: to.slice(at + 1) }, site: 'new', ...rest };
    }),
    ...more,
  };
}
