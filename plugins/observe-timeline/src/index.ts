/** The public entry of `@postroad/observe-timeline`. */
export { observeTimeline } from './observe-timeline.js';
export type { ObserveTimelineOptions } from './options.js';
