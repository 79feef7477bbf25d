/** The default metrics registry: numbers in memory, read by plugins that publish them. */
import type { Counter, Gauge, MetricSample, Metrics } from './metrics.js';

/** Most distinct time series; more are counted into one that is thrown away, so that a bad label can't fill the memory. */
const seriesMax = 10_000;

interface Series {
  readonly name: string;
  readonly help: string;
  readonly kind: MetricSample['kind'];
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** An empty registry. */
export function createMetrics(): Metrics {
  const all = new Map<string, Series>();
  const seriesOf = (
    kind: Series['kind'],
    name: string,
    help: string,
    labels: Readonly<Record<string, string>> = {},
  ) => {
    const key = `${name}${JSON.stringify(labels)}`;
    const known = all.get(key);
    if (known !== undefined) return known;
    const made: Series = { name, help, kind, labels, value: 0 };
    if (all.size < seriesMax) all.set(key, made);
    return made;
  };
  return {
    counter(name, help, labels): Counter {
      const series = seriesOf('counter', name, help, labels);
      return {
        increase(by = 1) {
          series.value += by;
        },
      };
    },
    gauge(name, help, labels): Gauge {
      const series = seriesOf('gauge', name, help, labels);
      return {
        set(value) {
          series.value = value;
        },
        add(by) {
          series.value += by;
        },
      };
    },
    samples: () => [...all.values()].map((series) => ({ ...series })),
  };
}
