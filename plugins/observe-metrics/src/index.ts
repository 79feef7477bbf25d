/** The public entry of `@postroad/observe-metrics`. */
export { type ObserveMetricsOptions, observeMetrics } from './observe-metrics.js';
