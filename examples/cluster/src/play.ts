/** Plays failures under load and measures what clients saw, how long it took, and whether everything is there in the end. */
import { systemClock } from '@postroad/core';
import type { Cluster } from './cluster.js';
import { type Failure, keepUp } from './failures.js';
import { type Inbox, watchInbox } from './inbox.js';
import { type Load, startLoad } from './load.js';
import { measure, type Played, subjectsTaken } from './measure.js';

const clients = 3;
const inRow = 12;
const filedTimeoutMs = 300_000;
const retryEachMs = 5_000;
const wellTimeoutMs = 120_000;

/** Plays one failure. Rejects only when the load itself can not go on. */
export async function play(cluster: Cluster, failure: Failure, number: number): Promise<Played> {
  const inbox = watchInbox(
    cluster.nodes.map((node) => node.imapPort),
    cluster.account,
  );
  const before = await subjectsOf(inbox);
  const load = startLoad(cluster.smtpPort, cluster.account.login, clients, `f${number}-`);
  await within(load.inRow(4), 'the cluster is not well to begin with');
  const beganMs = systemClock.monotonic();
  const end = await failure.begin(cluster);
  if (failure.isTakenOver === true) await filed(inbox, takenOf(load));
  await keepUp(failure);
  const endedMs = systemClock.monotonic();
  await end();
  await within(load.inRow(inRow), `after "${failure.name}" clients are put off for ever`);
  const untilMs = systemClock.monotonic();
  await load.end();
  const retry = async (): Promise<void> => await cluster.nodes[0]?.command(['queue', 'retry', '--all']);
  const { subjects, atMs } = await filed(
    inbox,
    takenOf(load),
    failure.isRetried === true ? retry : undefined,
  );
  return measure({
    failure: failure.name,
    tries: load.tries,
    beganMs,
    endedMs,
    untilMs,
    filedAtMs: atMs,
    subjects,
    before,
  });
}

function takenOf(load: Load): readonly string[] {
  return subjectsTaken(load.tries);
}

/** Waits until all are there; after a long time, what is not is lost. */
async function filed(
  inbox: Inbox,
  taken: readonly string[],
  retry?: () => Promise<void>,
): Promise<{
  readonly subjects: ReadonlyMap<string, number>;
  readonly atMs: number;
}> {
  const untilMs = systemClock.monotonic() + filedTimeoutMs;
  let retryAtMs = systemClock.monotonic();
  for (;;) {
    // A try that was under way at the first of them fails later.
    if (retry !== undefined && systemClock.monotonic() >= retryAtMs) {
      retryAtMs = systemClock.monotonic() + retryEachMs;
      await retry();
    }
    const subjects = await subjectsOf(inbox);
    const lost = taken.filter((subject) => !subjects.has(subject));
    const atMs = systemClock.monotonic();
    if (lost.length === 0 || atMs > untilMs) return { subjects, atMs };
    await systemClock.sleep(100);
  }
}

/** While no node shows the mailbox, nothing new is known to be there. */
async function subjectsOf(inbox: Inbox): Promise<ReadonlyMap<string, number>> {
  return await inbox.subjects().catch(() => new Map<string, number>());
}

async function within(work: Promise<void>, otherwise: string): Promise<void> {
  const late = new AbortController();
  const tooLate = systemClock.sleep(wellTimeoutMs, late.signal).then(() => {
    throw new Error(otherwise);
  });
  // When the work is done first, nobody hears of the end of the wait.
  tooLate.catch(() => undefined);
  try {
    await Promise.race([work, tooLate]);
  } finally {
    late.abort();
  }
}
