/** Counters and gauges. Labels must be few and bounded: never an address or an id. */
import { token } from '../di/token.js';

/** Something that counts up. */
export interface Counter {
  increase(by?: number): void;
}

/** Something that goes up and down. Who shares it with others adds; who has it alone may set it. */
export interface Gauge {
  set(value: number): void;
  add(by: number): void;
}

/** One value as read. */
export interface MetricSample {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The registry. Asking twice for the same name and labels gives the same counter. */
export interface Metrics {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  gauge(name: string, help: string, labels?: Readonly<Record<string, string>>): Gauge;
  samples(): readonly MetricSample[];
}

/** The token of the metrics registry. */
export const Metrics = token<Metrics>('core.metrics');
