/** What the receive stage of a listener is made of; without one, that of `submit`, where whoever hands a message in is trusted. */
import { Authenticator } from '../services/authenticator.js';
import { Directory } from '../services/directory.js';
import { createDiskRoom } from '../services/disk-room.js';
import { Spool } from '../services/spool.js';
import { defaultReceiverLimits } from '../smtp/receiver.js';
import { schedulerOptions } from '../stages/queue/scheduler-options.js';
import type { ReceiveOptions } from '../stages/receive.js';
import { type BuiltListener, find, type Generation } from './generation.js';
import type { House } from './house.js';

/** All but where the messages go. */
export function receiveOptions(
  house: House,
  generation: Generation,
  listener: BuiltListener | undefined,
): Omit<ReceiveOptions, 'enqueue'> {
  const { container } = listener?.scope ?? generation.scope;
  return {
    hooks: listener?.hooks ?? generation.hooks,
    hostname: generation.options.hostname,
    authenticator: container.get(Authenticator),
    directory: find(container, Directory),
    spool: container.get(Spool),
    clock: house.clock,
    random: house.random,
    log: generation.log,
    metrics: house.metrics,
    hopsMax: listener?.options.limits.hopsMax ?? 100,
    lifetimeMs: schedulerOptions(generation.options.queue).lifetimeMs,
    belonging: schedulerOptions(generation.options.queue),
    isLoginNeeded: listener?.options.role === 'submission',
    senders: listener?.options.senders ?? 'any',
    room: createDiskRoom(container.get(Spool).directory, house.clock),
    freeOctetsMin: 1.5 * (listener?.options.limits ?? defaultReceiverLimits).sizeBytesMax,
  };
}
