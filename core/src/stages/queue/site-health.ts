/**
 * How well a site does, and how hard it is therefore tried: the window of deliveries at once grows with every one that
 * goes well and is halved by trouble; a site that only makes trouble is dead, is left alone for a while, and is then
 * probed with one delivery. Trouble is of the site as a whole; a recipient that is refused is none. Pure.
 */
import type { DeliveryReport, RecipientOutcome } from '../../values/report.js';

/** See the file's comment. */
export interface SiteHealth {
  /** How many deliveries may run at once. */
  window(nowMs: number): number;
  /** Set while the site is left alone: until when, and what it said last. */
  dead(nowMs: number): DeadSite | undefined;
  /** Whether its last try made trouble. */
  readonly isTroubled: boolean;
  /** Something went through. A moment that was appointed stays: a delivery that began before it tells nothing new. */
  good(nowMs: number): void;
  /** The site made trouble; `random` is from 0 up to, not including, 1. */
  trouble(nowMs: number, random: number, outcome: RecipientOutcome): void;
  /** At most so many deliveries at once until then. */
  slowDown(deliveriesMax: number, untilMs: number): void;
  /** The site said, or a rule says, when it wants to be tried again. */
  leaveAlone(untilMs: number, outcome: RecipientOutcome): void;
}

/** A site that is left alone. */
export interface DeadSite {
  readonly untilMs: number;
  readonly outcome: RecipientOutcome;
  /** Set when the site itself named the moment: nothing is tried before it. */
  readonly isAppointed: boolean;
}

const windowStart = 5;
const troublesUntilDead = 3;
const pauseMsMin = 60_000;
const pauseMsMax = 30 * 60_000;

/**
 * A site that nothing is known of. It is never left alone for longer than the schedule of retries waits: who asks for
 * quick retries gets them.
 */
export function createSiteHealth(windowMax: number, retryDelaysMs: readonly number[]): SiteHealth {
  const pauseMsFirst = Math.min(pauseMsMin, ...retryDelaysMs.slice(0, 1));
  const pauseMsLast = Math.min(pauseMsMax, Math.max(pauseMsFirst, ...retryDelaysMs));
  let window = Math.min(windowStart, windowMax);
  // Until the first trouble the window grows by one with each success; then by one with each full window of them.
  let hasHadTrouble = false;
  let troubles = 0;
  let pauses = 0;
  let dead: DeadSite | undefined;
  let slowed: { readonly deliveriesMax: number; readonly untilMs: number } | undefined;
  return {
    window(nowMs) {
      if (dead === undefined) {
        const most = slowed !== undefined && nowMs < slowed.untilMs ? slowed.deliveriesMax : window;
        return Math.max(1, Math.floor(Math.min(window, most)));
      }
      return nowMs < dead.untilMs ? 0 : 1;
    },
    dead: (nowMs) => (dead !== undefined && nowMs < dead.untilMs ? dead : undefined),
    get isTroubled() {
      return dead !== undefined || troubles > 0 || slowed !== undefined;
    },
    good(nowMs) {
      troubles = 0;
      pauses = 0;
      if (dead?.isAppointed === true && nowMs < dead.untilMs) return;
      if (dead !== undefined) window = Math.min(2, windowMax);
      else window = Math.min(windowMax, window + (hasHadTrouble ? 1 / window : 1));
      dead = undefined;
    },
    trouble(nowMs, random, outcome) {
      troubles++;
      hasHadTrouble = true;
      window = Math.max(1, window / 2);
      // A delivery that began before the site was left alone tells nothing new.
      if (dead !== undefined && nowMs < dead.untilMs) return;
      if (dead === undefined && troubles < troublesUntilDead) return;
      const pauseMs = Math.min(pauseMsLast, pauseMsFirst * 2 ** pauses++) * (1 + random / 10);
      dead = { untilMs: nowMs + pauseMs, outcome, isAppointed: false };
    },
    slowDown(deliveriesMax, untilMs) {
      slowed = { deliveriesMax, untilMs };
    },
    leaveAlone(untilMs, outcome) {
      if (dead !== undefined && dead.untilMs >= untilMs) return;
      dead = { untilMs, outcome, isAppointed: true };
    },
  };
}

/**
 * Whether a report tells of trouble of the site (`trouble`), of a site that works (`good`), or of neither. Trouble is
 * when nobody answered, when the server is shutting down or overloaded (421, RFC 5321 section 3.8), or when the status is
 * about the network or the system (RFC 3463: X.3.2, X.4.Z). One recipient that is deferred, as by greylisting, is neither.
 */
export function judgeReport(report: DeliveryReport): 'good' | 'trouble' | 'neither' {
  const { outcomes } = report;
  if (outcomes.some((one) => one.status !== 'deferred')) return 'good';
  return outcomes.length === 0 || outcomes.every(isOfSite) ? 'trouble' : 'neither';
}

function isOfSite(outcome: RecipientOutcome): boolean {
  const { code, detail } = outcome.reply;
  return code === 421 || detail === '3.2' || detail?.startsWith('4.') === true;
}
