/** The plugin `bodies-s3`. */
import { Bodies, Clock, definePlugin, MailError, Random } from '@postroad/core';
import { openS3, s3Config } from '@postroad/s3';
import { z } from 'zod';

const config = z.strictObject(s3Config);
const startTimeoutMs = 5_000;

/** Keeps large bodies in a bucket of an S3-compatible service, for the stores that know `Bodies`. */
export const bodiesS3 = definePlugin({
  name: 'bodies-s3',
  description: 'Keeps large bodies in an S3-compatible service.',
  config,
  needs: { clock: Clock, random: Random },
  provides: [Bodies],
  setup({ config: options, services: { clock, random }, provide, onStart, log, metrics }) {
    const away = metrics.gauge('bodies_s3_away', 'Whether the last request to S3 had no answer that counts');
    const tries = (outcome: 'answered' | 'failed') =>
      metrics.counter('bodies_s3_requests_total', 'Requests to S3, each try by itself', { outcome });
    let isAway = false;
    const onTry = (outcome: 'answered' | 'failed'): void => {
      tries(outcome).increase();
      const isNow = outcome === 'failed';
      if (isNow === isAway) return;
      isAway = isNow;
      away.set(Number(isNow));
      if (isNow) log.warn('S3 does not answer: large messages are put off until it does');
      else log.info('S3 answers again');
    };
    const bucket = openS3(options, { clock, random, onTry });
    onStart(async () => {
      const stop = new AbortController();
      const timer = clock.after(startTimeoutMs, () => stop.abort());
      try {
        // A node can start while S3 is away; what S3 refuses for good is an error of the configuration.
        if (!(await bucket.isReady(stop.signal))) log.warn('S3 was not reached at the start');
      } catch (cause) {
        throw new MailError('E_START', `the bucket ${options.bucket} can not be used`, { cause });
      } finally {
        timer.cancel();
      }
    });
    provide(Bodies, {
      write: (name, body, signal) => bucket.write(requireName(name), body, signal),
      read: (name, range, signal) => bucket.read(requireName(name), range, signal),
      remove: (name, signal) => bucket.remove(requireName(name), signal),
    });
  },
});

/** Names go into URLs and lists as they are. */
function requireName(name: string): string {
  if (
    /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(name) &&
    name.length <= 512 &&
    !/(^|\/)\.{1,2}(\/|$)/.test(name)
  )
    return name;
  throw new MailError('E_BODIES', 'a body can not have that name');
}
