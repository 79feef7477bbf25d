/** The plugin: what happened to messages, in files, for `postroad trace`. */
import { Clock, definePlugin, type HistoryRecord, MessageHistory, type Timer, Worker } from '@postroad/core';
import { findTraces } from './find-traces.js';
import { config } from './options.js';
import { lineOf } from './record-line.js';
import { Segments } from './segments.js';

/** How long records wait for others before they are written together. */
const flushMs = 200;
const sweepMs = 3_600_000;
/** Octets that may wait while the disk is slow; what is more is dropped, and counted. */
const waitingMax = 16_777_216;

/** See the README. */
export const observeTimeline = definePlugin({
  name: 'observe-timeline',
  description: 'Keeps what happened to messages over restarts, for `postroad trace`.',
  config,
  needs: { clock: Clock, worker: Worker },
  provides: [MessageHistory],
  setup({ config, services, log, metrics, provide, onStart, onDrain, defer }) {
    const { clock, worker } = services;
    const octetsMax = Math.ceil(config.octetsMax / worker.count);
    const segments = new Segments({ ...config, octetsMax, worker: worker.index, workers: worker.count });
    const dropped = metrics.counter('observe_timeline_dropped', 'Records that could not be kept');
    let waiting: string[] = [];
    let octets = 0;
    let timer: Timer | undefined;
    let sweeping: Timer | undefined;
    let writing: Promise<void> = Promise.resolve();

    async function write(): Promise<void> {
      if (waiting.length === 0) return;
      const lines = waiting;
      waiting = [];
      octets = 0;
      try {
        await segments.append(Buffer.from(lines.join('')), clock.now());
      } catch (error) {
        dropped.increase(lines.length);
        log.error('the timeline could not be written', { error, records: lines.length });
      }
    }

    function flush(): Promise<void> {
      timer?.cancel();
      timer = undefined;
      writing = writing.then(write);
      return writing;
    }

    function add(record: HistoryRecord): void {
      const line = lineOf(record);
      if (octets + line.length > waitingMax) {
        dropped.increase();
        return;
      }
      octets += line.length;
      waiting.push(line);
      timer ??= clock.after(flushMs, () => void flush());
    }

    function sweepLater(): void {
      sweeping = clock.after(sweepMs, () => {
        writing = writing
          .then(() => segments.sweep(clock.now()))
          .catch((error: unknown) => log.error('old records could not be removed', { error }));
        sweepLater();
      });
    }

    provide(MessageHistory, {
      add,
      async find(query, limit) {
        await flush();
        return await findTraces(await segments.all(), query, limit);
      },
    });
    onStart(async () => {
      await segments.start();
      await segments.sweep(clock.now());
      sweepLater();
    });
    onDrain(flush);
    defer(async () => {
      sweeping?.cancel();
      await flush();
      await segments.close();
    });
  },
});
