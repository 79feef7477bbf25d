/** Which of several processes of one server this is. */
import { token } from '../di/token.js';

/** This process among those that `workers` asks for; alone it is the first of one. */
export interface Worker {
  /** From 0. A worker that dies is replaced by one of the same index, which takes over what was its own. */
  readonly index: number;
  readonly count: number;
}

/** The token of the worker. */
export const Worker = token<Worker>('core.worker');
