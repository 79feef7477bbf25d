/** The hooks of a few plugins, compiled without a server around them: for benchmarks and tests of hook code alone. */
import { createContainer } from '../di/container.js';
import { type CompiledHooks, compileHooks, orderAll } from '../hooks/compile.js';
import type { PluginUse } from '../plugin/define.js';
import { createKeeper } from '../plugin/keep.js';
import { setupScope } from '../plugin/scope.js';
import { createMetrics } from '../services/metrics-registry.js';
import { createLogger } from '../services/pino-logger.js';
import { systemClock } from '../services/system-clock.js';

/** Sets the plugins up, without any service of a server, and compiles their taps. */
export function compiledHooksOf(plugins: readonly PluginUse[]): CompiledHooks {
  const log = createLogger('silent');
  const metrics = createMetrics();
  const scope = setupScope({
    uses: plugins,
    container: createContainer(),
    hostname: 'mx.test',
    listener: undefined,
    log,
    metrics,
    keeper: createKeeper(),
    generation: {},
  });
  return compileHooks(orderAll(scope.taps), { clock: systemClock, log, metrics });
}
