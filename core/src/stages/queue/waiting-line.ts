/**
 * The deliveries of one site that wait for a slot. Tenants (by default the accounts that handed the messages in) take turns, so
 * that one who sends much holds up nobody else; within a tenant the higher MT-PRIORITY (RFC 6710) goes first.
 */
import type { DeliveryJob } from './delivery-job.js';
import { tenantOf } from './matches-filter.js';

/** See the file's comment. */
export interface WaitingLine {
  add(job: DeliveryJob): void;
  /** The one whose turn it is, of those that may begin; tenants whose first one may not are passed over. */
  take(mayBegin?: (job: DeliveryJob) => boolean): DeliveryJob | undefined;
  /** How many of a tenant wait. */
  waitingOf(tenant: string): number;
  /** Takes those that are meant out of the line. */
  takeWhere(isMeant: (job: DeliveryJob) => boolean): readonly DeliveryJob[];
  takeAll(): readonly DeliveryJob[];
  readonly size: number;
}

/** An empty line. */
export function createWaitingLine(): WaitingLine {
  // In the order of their turns.
  const tenants = new Map<string, DeliveryJob[]>();
  let size = 0;

  return {
    add(job) {
      const tenant = tenantOf(job.message);
      const jobs = tenants.get(tenant);
      size++;
      if (jobs === undefined) {
        tenants.set(tenant, [job]);
        return;
      }
      let at = jobs.length;
      while (at > 0 && priorityOf(jobs[at - 1] as DeliveryJob) < priorityOf(job)) at--;
      jobs.splice(at, 0, job);
    },
    waitingOf: (tenant) => tenants.get(tenant)?.length ?? 0,
    take(mayBegin) {
      for (const [tenant, jobs] of tenants) {
        if (mayBegin?.(jobs[0] as DeliveryJob) === false) continue;
        const job = jobs.shift();
        tenants.delete(tenant);
        // Behind all others: that is the turn.
        if (jobs.length > 0) tenants.set(tenant, jobs);
        size--;
        return job;
      }
      return undefined;
    },
    takeWhere(isMeant) {
      const taken: DeliveryJob[] = [];
      for (const [tenant, jobs] of [...tenants]) {
        const left = jobs.filter((job) => !isMeant(job));
        if (left.length === jobs.length) continue;
        taken.push(...jobs.filter(isMeant));
        if (left.length === 0) tenants.delete(tenant);
        else tenants.set(tenant, left);
      }
      size -= taken.length;
      return taken;
    },
    takeAll() {
      const all = [...tenants.values()].flat();
      tenants.clear();
      size = 0;
      return all;
    },
    get size() {
      return size;
    },
  };
}

function priorityOf(job: DeliveryJob): number {
  return job.message.parameters.priority;
}
