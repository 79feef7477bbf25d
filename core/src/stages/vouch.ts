/** The account of a login that a trusted proxy vouches for: the proxy has checked the password, we check the rest. */
import type { ConnectionState } from '../context/connection.js';
import type { Directory } from '../services/directory.js';
import type { Logger } from '../services/logger.js';
import type { ReceiverAnswer } from '../smtp/receiver.js';
import type { Identity } from '../values/identity.js';
import { replies } from './answers.js';
import { accountNamed, mayUse } from './prove-account.js';

/** Never rejects: a directory that can't tell for now is an answer too. */
export async function vouchedIdentity(
  { directory, log }: { readonly directory: Directory | undefined; readonly log: Logger },
  connection: ConnectionState,
  login: string,
): Promise<Identity | ReceiverAnswer> {
  try {
    const account =
      directory === undefined ? undefined : await accountNamed(directory, login, connection.signal);
    const isAllowed = account !== undefined && mayUse(account, connection.protocol);
    if (!isAllowed) return { reply: replies.loginUnknown };
    return { accountId: account.id, login: account.login, mechanism: 'XCLIENT' };
  } catch (error) {
    log.error('directory failed', { connection: connection.id, error });
    return { reply: replies.temporary };
  }
}
