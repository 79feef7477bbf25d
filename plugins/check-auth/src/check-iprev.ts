/** Whether the name of an address leads back to it (iprev, RFC 8601 section 3). */
import { type IprevResult, isMailError, type Resolver } from '@postroad/core';

/** Names that are followed; an address with more has its own reasons. */
const namesMax = 10;

/** Never rejects for what the world does. */
export async function checkIprev(
  resolver: Resolver,
  address: string,
  signal: AbortSignal,
): Promise<IprevResult> {
  try {
    const names = (await resolver.names(address, signal)).slice(0, namesMax);
    if (names.length === 0) return { result: 'permerror' };
    let isUnsure = false;
    for (const name of names) {
      const addresses = await resolver.addresses(name, signal).catch((error: unknown): readonly string[] => {
        if (!isMailError(error, 'E_DNS')) throw error;
        isUnsure = true;
        return [];
      });
      if (addresses.includes(address)) return { result: 'pass', name };
    }
    return { result: isUnsure ? 'temperror' : 'fail' };
  } catch (error) {
    if (isMailError(error, 'E_DNS') || signal.aborted) return { result: 'temperror' };
    throw error;
  }
}
