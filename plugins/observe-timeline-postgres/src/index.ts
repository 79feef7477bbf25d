/** The public entry of `@postroad/observe-timeline-postgres`. */
export { observeTimelinePostgres } from './observe-timeline-postgres.js';
