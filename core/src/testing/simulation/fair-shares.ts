/**
 * Fair shares at a site, from a seed: one sender has hundreds of messages for it before others come with a few. Whatever the
 * order of arrival and the size of the site's window, while all have something waiting nobody gets more than a turn more
 * than another; and of one sender what waits goes by its priority (RFC 6710).
 */

import { minute, playScheduler } from '../play-scheduler.js';
import { sampleMessage } from '../sample-message.js';
import { createSeededRandom } from '../seeded-random.js';
import { BrokenPromise } from './ledger.js';

const { origin, parameters } = sampleMessage('x', []);
const many = 200;
const waitMsMax = 900;

/** Runs; rejects with a `BrokenPromise` when somebody got more than a share. */
export async function simulateFairShares(seed: number): Promise<void> {
  const random = createSeededRandom(seed);
  const between = (from: number, to: number): number => from + Math.floor(random.number() * (to - from + 1));
  const order: { readonly tenant: string; readonly priority: number }[] = [];
  const it = playScheduler(
    async ({ message }) => {
      order.push({ tenant: message.origin.accountId ?? '', priority: message.parameters.priority });
      await it.clock.sleep(between(100, waitMsMax));
      return {};
    },
    { deliveriesPerSiteMax: between(1, 6) },
  );
  await it.scheduler.start();
  const small = ['bob', 'carol', 'dave'].slice(0, between(1, 3));
  let number = 0;
  const send = async (accountId: string): Promise<void> => {
    const id = `m${String(number++).padStart(4, '0')}`;
    const message = sampleMessage(id, [{ to: 'u@b.test' }], {
      origin: { ...origin, accountId },
      parameters: { ...parameters, priority: between(-2, 2) },
    });
    const lease = it.scheduler.lease(1);
    it.scheduler.accept(message, await it.store.put(message, lease));
  };
  for (let at = 0; at < many; at++) await send('eve');
  await it.clock.settle();
  const begun = order.length;
  const each = between(5, 15);
  for (let at = 0; at < each; at++) for (const tenant of small) await send(tenant);
  await it.clock.advance(10 * minute);
  if (order.length !== many + each * small.length) throw new BrokenPromise(`${order.length} were delivered`);
  checkPriorities(order.slice(begun).filter(({ tenant }) => tenant === 'eve'));
  checkShares(
    order.slice(begun).map(({ tenant }) => tenant),
    small,
    each,
  );
}

/** All of these were in the line when the first of them began. */
function checkPriorities(order: readonly { readonly priority: number }[]): void {
  order.forEach(({ priority }, at) => {
    const before = order[at - 1]?.priority ?? priority;
    if (before < priority) throw new BrokenPromise(`priority ${priority} went behind ${before}`);
  });
}

/** Looks at the turns until the first of the small ones is through. */
function checkShares(order: readonly string[], small: readonly string[], each: number): void {
  const counts = new Map<string, number>([['eve', 0], ...small.map((one) => [one, 0] as const)]);
  for (const tenant of order) {
    counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    const waiting = [...counts].filter(([one, count]) => one === 'eve' || count < each);
    if (waiting.length <= small.length) return;
    const shares = waiting.map(([, count]) => count);
    if (Math.max(...shares) - Math.min(...shares) > 2)
      throw new BrokenPromise(`shares of ${JSON.stringify(Object.fromEntries(counts))}`);
  }
}
