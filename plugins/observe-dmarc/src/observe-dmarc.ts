/** The plugin: gathers what DMARC found out, reports it to the domains once a day, and reads what others report. */
import { join } from 'node:path';
import {
  addressKey,
  Clock,
  definePlugin,
  dmarcDisposition,
  messageAuthentication,
  messageOf,
  Random,
  Resolver,
  Submission,
  type Transaction,
  Worker,
} from '@postroad/core';
import { dmarcCommands } from './commands.js';
import { DayFiles } from './day-files.js';
import { config } from './options.js';
import { forgetReports, keepReport, reportOf } from './received-reports.js';
import { rowOf } from './row.js';
import { sendReports } from './send-reports.js';

/** Needs a plugin that checks, such as `check-auth`, to have something to report. */
export const observeDmarc = definePlugin({
  name: 'observe-dmarc',
  description: 'Sends DMARC aggregate reports once a day, and reads those of others.',
  config,
  needs: { clock: Clock, random: Random, resolver: Resolver, submission: Submission, worker: Worker },
  commands: dmarcCommands,
  setup({ config, services, hostname, log, tap, onStart, defer }) {
    const { clock } = services;
    const files = new DayFiles(join(config.directory, 'gathered'), config.rowsMax);
    const received = join(config.directory, 'received');
    const stop = new AbortController();
    const loops: Promise<void>[] = [];

    const gather = (transaction: Transaction) => {
      const authentication = transaction.get(messageAuthentication);
      if (authentication === undefined) return;
      const { connection, reversePath } = transaction;
      const disposition = transaction.get(dmarcDisposition);
      const row = rowOf(authentication, disposition, connection.remoteAddress, reversePath?.domain ?? '');
      if (row !== undefined && !files.add(row, clock.now()))
        log.warn('too many different rows for DMARC reports today');
    };
    const every = async (pauseMs: number, what: string, step: () => Promise<void>) => {
      while (!stop.signal.aborted) {
        try {
          await clock.sleep(pauseMs, stop.signal);
          await step();
        } catch (error) {
          if (!stop.signal.aborted) log.error(`${what} failed`, { reason: messageOf(error), error });
        }
      }
    };
    onStart(() => {
      const jitterMs = services.random.number() * config.jitterMs;
      loops.push(every(config.flushMs, 'writing down DMARC results', () => files.flush()));
      loops.push(
        every(config.checkMs, 'sending DMARC reports', async () => {
          await files.flush();
          // All workers gather in the same files; one of them sends.
          if (services.worker.index > 0) return;
          if (config.sends)
            await sendReports({ config, hostname, files, ...services, log }, jitterMs, stop.signal);
          await files.forget(clock.now() - config.keepMs);
          await forgetReports(received, clock.now() - config.keepMs);
        }),
      );
    });
    defer(async () => {
      stop.abort();
      await Promise.all(loops);
      await files.flush();
    });
    tap('accepted', ({ transaction }) => gather(transaction));
    tap('refused', ({ transaction }) => {
      if (transaction !== undefined) gather(transaction);
    });
    if (config.receives.length === 0) return;
    const addresses = new Set(config.receives);
    tap('enqueued', async (message, recipients) => {
      if (!recipients.some(({ address }) => addresses.has(addressKey(address)))) return;
      try {
        const rows = await reportOf(message.body);
        await keepReport(received, rows, clock.now());
        log.info('a DMARC report came', {
          message: message.id,
          rows: rows.length,
          reporter: rows[0]?.reporter,
        });
      } catch (error) {
        log.warn('what came to the address for DMARC reports is none', {
          message: message.id,
          reason: messageOf(error),
        });
      }
    });
  },
});
