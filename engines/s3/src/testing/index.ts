/** The second entry, `@postroad/s3/testing`. */
export { type FaultWire, openFaultWire, type WireFault } from './fault-wire.js';
export { s3Missing, startTestS3, type TestS3 } from './test-server.js';
