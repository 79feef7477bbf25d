/** Whether a domain can get mail at all: told to our own users at RCPT, so that they see a mistyped domain at once. */
import { type Clock, isMailError, type Logger, type Resolver, reject, type Verdict } from '@postroad/core';

/** Longest look-up; then the queue finds out. */
const lookUpMs = 5_000;

/**
 * A rejection when the domain can't get mail, and `undefined` when it can or when DNS does not answer: the client is
 * known and the queue tries again, so that a failing look-up is no reason to refuse.
 */
export async function rejectUnreachable(
  domain: string,
  { resolver, clock, log }: { resolver: Resolver; clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  // An address literal needs no look-up (RFC 5321 section 4.1.3).
  if (domain.startsWith('[')) return undefined;
  const limit = new AbortController();
  const timer = clock.after(lookUpMs, () => limit.abort());
  try {
    return await lookUp(domain, resolver, AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    if (!isMailError(error, 'E_DNS') && !limit.signal.aborted) throw error;
    log.info('domain of a recipient can not be looked up', { domain, error });
    return undefined;
  } finally {
    timer.cancel();
  }
}

async function lookUp(domain: string, resolver: Resolver, signal: AbortSignal): Promise<Verdict | undefined> {
  const exchanges = await resolver.mx(domain, signal);
  if (exchanges.length === 1 && exchanges[0]?.exchange === '') {
    // RFC 7505 section 4.2: a null MX.
    return reject(556, '1.10', 'recipient domain accepts no mail');
  }
  if (exchanges.length > 0) return undefined;
  // RFC 5321 section 5.1: without MX the domain's own address is its mail exchanger.
  const addresses = await resolver.addresses(domain, signal);
  return addresses.length > 0 ? undefined : reject(550, '1.2', 'recipient domain does not exist');
}
