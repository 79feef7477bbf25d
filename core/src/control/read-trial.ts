/** The arguments of the command `try`. */
import { createReadStream } from 'node:fs';
import { isIP } from 'node:net';
import { MailError } from '../errors.js';
import type { TrialRequest } from '../server/try-message.js';

/** Reads them; throws `E_USAGE`. A message that is too long for a request is given as a file that the server can read. */
export function readTrial(given: Readonly<Record<string, unknown>>): TrialRequest {
  const { clientAddress, helloName, reversePath, recipients, listener, accountId, content, file } = given;
  if (typeof clientAddress !== 'string' || isIP(clientAddress) === 0)
    throw new MailError('E_USAGE', "the client's address is an IPv4 or IPv6 address");
  if (typeof helloName !== 'string' || typeof reversePath !== 'string')
    throw new MailError('E_USAGE', 'helloName and reversePath are texts');
  if (!Array.isArray(recipients) || !recipients.every((one) => typeof one === 'string'))
    throw new MailError('E_USAGE', 'recipients are a list of addresses');
  return {
    clientAddress,
    helloName,
    reversePath,
    recipients: recipients as readonly string[],
    ...(typeof listener === 'string' && { listener }),
    ...(typeof accountId === 'string' && { accountId }),
    content: contentOf(content, file),
  };
}

function contentOf(content: unknown, file: unknown): TrialRequest['content'] {
  if (typeof content === 'string') return Buffer.from(content, 'base64');
  if (typeof file === 'string') return createReadStream(file);
  throw new MailError('E_USAGE', 'the message is given as content or file');
}
