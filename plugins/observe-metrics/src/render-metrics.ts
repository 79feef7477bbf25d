/** Metrics as Prometheus reads them: our own registry and the queue beside those of the process. */
import type { Metrics, Queue } from '@postroad/core';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type QueueGauges, queueMetrics } from './queue-gauges.js';

type Samples = ReturnType<Metrics['samples']>;

/** A page of metrics. */
export interface MetricsPage {
  readonly contentType: string;
  render(): Promise<string>;
  /** Stops what watches the process. */
  close(): void;
}

/** Every name begins so; metrics that are named otherwise get it in front. */
const prefix = 'postroad_';

/**
 * Reads the registry at each call; the process is watched from now on. With `part` the queue comes from the registry,
 * unless all workers see the same one.
 */
export function createMetricsPage(metrics: Metrics, queue: Queue, part?: QueueGauges): MetricsPage {
  const own = new Registry();
  collectDefaultMetrics({ register: own });
  return {
    contentType: own.contentType,
    async render() {
      const page = new Registry();
      const isTold = (await part?.count()) ?? false;
      fill(page, metrics.samples());
      if (!isTold) await fillQueue(page, queue);
      return `${await page.metrics()}\n${await own.metrics()}`;
    },
    close: () => own.clear(),
  };
}

function fill(page: Registry, samples: Samples): void {
  const byName = new Map<string, Samples[number][]>();
  for (const sample of samples) {
    const known = byName.get(sample.name);
    if (known === undefined) byName.set(sample.name, [sample]);
    else known.push(sample);
  }
  for (const series of byName.values()) fillSeries(page, series);
}

function fillSeries(page: Registry, series: readonly Samples[number][]): void {
  const [first] = series as [Samples[number]];
  const about = {
    name: first.name.startsWith(prefix) ? first.name : `${prefix}${first.name}`,
    help: first.help,
    labelNames: [...new Set(series.flatMap((sample) => Object.keys(sample.labels)))],
    registers: [page],
  };
  if (first.kind === 'counter') {
    const counter = new Counter(about);
    for (const { labels, value } of series) counter.inc(labels, value);
    return;
  }
  const gauge = new Gauge(about);
  for (const { labels, value } of series) gauge.set(labels, value);
}

async function fillQueue(page: Registry, queue: Queue): Promise<void> {
  const counts = await queue.count({});
  const recipients = new Gauge({
    name: `${prefix}${queueMetrics.recipients[0]}`,
    help: queueMetrics.recipients[1],
    labelNames: ['state'],
    registers: [page],
  });
  for (const [state, value] of Object.entries(counts.byState)) recipients.set({ state }, value);
  const messages = new Gauge({
    name: `${prefix}${queueMetrics.messages[0]}`,
    help: queueMetrics.messages[1],
    registers: [page],
  });
  messages.set(counts.messages);
}
