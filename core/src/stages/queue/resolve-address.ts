/** Where mail for an address would go, and what stands in its way: asked of everybody who would decide, without sending. */
import { bodyFromBytes } from '../../body/inline-body.js';
import type { AddressResolution, Suspension } from '../../services/queue.js';
import type { QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { MailAddress, ReversePath } from '../../values/address.js';
import { defaultEnvelopeParameters } from '../../values/envelope.js';
import type { Route } from '../../values/route.js';
import type { Hands } from './hands.js';
import { sortByRoute } from './intake.js';
import { createLimitTable } from './limit-table.js';

/** Asks. Rejects only when the store can't be read. */
export async function resolveAddress(
  hands: Hands,
  address: MailAddress,
  reversePath: ReversePath,
): Promise<AddressResolution> {
  const { policy, clock, store, options } = hands.parts;
  const nowMs = clock.now();
  const message = probeMessage(reversePath, nowMs);
  const recipient = probeRecipient(message, address, nowMs);
  const { routed, refused } = await sortByRoute(message, [recipient], policy, hands);
  const [found] = routed;
  if (found === undefined) {
    const reply = refused[0]?.outcome.reply;
    return { address, ...(reply === undefined ? {} : { refusal: reply }), findings: [], blocks: [] };
  }
  const { route, site } = found;
  const job = { message, site, recipients: [recipient], routes: [route] };
  const request = { id: message.id, ...job, route, startedAtMs: nowMs };
  const surveyed = await policy.survey?.(request);
  const suspension = hands.suspensions.find(message, recipient, site);
  const dead = hands.sites.dead(site, nowMs);
  const limit = createLimitTable(options.limits).fitting(job);
  return {
    address,
    route: withoutPassword(route),
    site,
    ...(surveyed === undefined ? {} : { egress: surveyed.egress }),
    findings: surveyed?.findings ?? [],
    limits: { ...hands.sites.status(site, nowMs), rules: limit },
    waiting: (await store.count({ site })).recipients,
    blocks: [
      ...(suspension === undefined ? [] : [{ kind: 'suspended' as const, ...blockOf(suspension) }]),
      ...(dead === undefined
        ? []
        : [{ kind: 'left alone' as const, untilMs: dead.untilMs, reason: dead.outcome.reply }]),
    ],
  };
}

function blockOf({ reason, untilMs, kind, value }: Suspension) {
  return { reason: `${kind} ${value}: ${reason}`, ...(untilMs === undefined ? {} : { untilMs }) };
}

/** A login is for the server, not for eyes. */
function withoutPassword(route: Route): Route {
  if (!('password' in route)) return route;
  const { password: _password, ...shown } = route;
  return shown;
}

function probeMessage(reversePath: ReversePath, nowMs: number): QueuedMessage {
  return {
    id: 'resolve',
    reversePath,
    parameters: defaultEnvelopeParameters,
    headerPrefix: '',
    body: bodyFromBytes(Buffer.from('\r\n')),
    origin: { protocol: 'local', listener: 'resolve', remoteAddress: '', helloName: '' },
    receivedAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
  };
}

function probeRecipient(message: QueuedMessage, address: MailAddress, nowMs: number): QueuedRecipient {
  return {
    messageId: message.id,
    index: 0,
    address,
    state: 'leased',
    dueAtMs: nowMs + 60_000,
    attempts: 1,
    unsettledAttempts: 1,
    site: 'new',
    isDelayTold: false,
  };
}
