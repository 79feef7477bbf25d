/** Options for tests of the store. */
import type { EngineOptions } from './engine.js';

/** Small limits, and errors of the background thrown where the test sees them. */
export function testOptions(directory: string, changed: Partial<EngineOptions> = {}): EngineOptions {
  return {
    directory,
    inlineBytesMax: 65_536,
    changeLogMax: 1_000,
    cachedEntriesMax: 100_000,
    cachedMessagesMax: 1_000,
    nowMs: () => 1_700_000_000_000,
    startedAtMs: Math.floor(performance.timeOrigin),
    onError: () => undefined,
    ...changed,
  };
}
