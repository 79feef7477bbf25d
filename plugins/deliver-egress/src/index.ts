/** The public entry of `@postroad/deliver-egress`. */
export { deliverEgress } from './deliver-egress.js';
export type {
  DeliverEgressOptions,
  EgressRule,
  RateOptions,
  SourceOptions,
  WarmUpOptions,
} from './options.js';
