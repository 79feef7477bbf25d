/** The public entry of `@postroad/deliver-pipe`. */
export type { DeliverPipeOptions, PipeCommand } from './config.js';
export { deliverPipe } from './deliver-pipe.js';
