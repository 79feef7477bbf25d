/** The messages of the simulation's clients. */
import type { Clock } from '../../services/clock.js';
import type { NewQueuedMessage } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import { defaultEnvelopeParameters, type Notify } from '../../values/envelope.js';
import { sampleMessage } from '../sample-message.js';

const minute = 60_000;
/** How long the simulation's messages live. */
export const lifetimeMs = 60 * minute;

/** A message with some recipients, some of them to be told of, delivered later or by a deadline. */
export function randomMessage(
  id: string,
  { random, domains, clock }: { random: Random; domains: readonly string[]; clock: Clock },
): NewQueuedMessage {
  const notifies: readonly (Notify | undefined)[] = [undefined, undefined, 'never', ['success'], ['failure']];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.number() * list.length)] as T;
  const recipients = Array.from({ length: 1 + Math.floor(random.number() * 5) }, (_, at) => {
    const notify = pick(notifies);
    const wait = random.number() < 0.1 ? { dueAtMs: clock.now() + 10 * minute } : {};
    const name = 'dueAtMs' in wait ? 'later' : 'user';
    return { to: `${name}${at}@${pick(domains)}`, ...(notify === undefined ? {} : { notify }), ...wait };
  });
  const tenant = pick(['', 'eve', 'bob', 'shop']);
  const deliverBy =
    random.number() < 0.15
      ? {
          atMs: clock.now() + Math.floor((2 + random.number() * 30) * minute),
          mode: random.number() < 0.5 ? ('return' as const) : ('notify' as const),
          trace: false,
        }
      : undefined;
  const { origin } = sampleMessage('x', []);
  return sampleMessage(id, recipients, {
    ...(tenant === '' ? {} : { origin: { ...origin, accountId: tenant } }),
    parameters: {
      ...defaultEnvelopeParameters,
      priority: Math.floor(random.number() * 5) - 2,
      ...(deliverBy === undefined ? {} : { deliverBy }),
    },
    receivedAtMs: clock.now(),
    expiresAtMs: clock.now() + lifetimeMs,
    reversePath: random.number() < 0.15 ? null : { localPart: 'alice', domain: 'sender.test' },
  });
}
