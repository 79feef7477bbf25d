/**
 * A scope: the plugins of the whole server, or those of one listener on top of them. All of encapsulation is here: a
 * listener's plugins see the server's services, nobody sees theirs.
 */
import type { ControlHandler } from '../control/protocol.js';
import type { ServiceContainer } from '../di/container.js';
import type { Token } from '../di/token.js';
import { MailError, messageOf } from '../errors.js';
import type { Tap } from '../hooks/order.js';
import { type HookName, hookTable } from '../hooks/table.js';
import type { Logger } from '../services/logger.js';
import type { Metrics } from '../services/metrics.js';
import type { PluginSetup, PluginUse } from './define.js';
import type { Keeper } from './keep.js';
import type { LifecycleStep } from './lifecycle.js';
import { parsePluginConfig } from './parse-config.js';
import { readNeeds, sortPlugins } from './sort.js';

/** What the plugins of a scope said in their setups. */
export interface Scope {
  readonly container: ServiceContainer;
  readonly taps: readonly Tap[];
  readonly plugins: readonly { readonly name: string; readonly description: string | undefined }[];
  /** Token name to plugin name. */
  readonly providers: ReadonlyMap<string, string>;
  /** Commands over the control socket, as `plugin command`. */
  readonly controls: ReadonlyMap<string, ControlHandler>;
  readonly starts: readonly LifecycleStep[];
  readonly drains: readonly LifecycleStep[];
  /** In the order in which they were given; run them in reverse. */
  readonly defers: readonly LifecycleStep[];
}

/** What a scope is set up with. */
export interface ScopeOptions {
  readonly uses: readonly PluginUse[];
  readonly container: ServiceContainer;
  readonly hostname: string;
  readonly listener: PluginSetup<unknown, Record<never, never>>['listener'];
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly keeper: Keeper;
  readonly generation: object;
  /** Puts something in front of a service that is provided; `undefined` leaves it. */
  wrap?<T>(token: Token<T>, service: T): T | undefined;
}

interface ScopeDraft {
  readonly taps: Tap[];
  readonly starts: LifecycleStep[];
  readonly drains: LifecycleStep[];
  readonly defers: LifecycleStep[];
  readonly providers: Map<string, string>;
  readonly controls: Map<string, ControlHandler>;
  /** What several plugins have provided for tokens that take several. */
  readonly services: Map<symbol, unknown[]>;
}

/** Sets up every plugin of a scope; throws on the first that fails, naming it. */
export function setupScope(options: ScopeOptions): Scope {
  const draft: ScopeDraft = {
    taps: [],
    starts: [],
    drains: [],
    defers: [],
    providers: new Map(),
    controls: new Map(),
    services: new Map(),
  };
  const ordered = sortPlugins(options.uses, (token) => options.container.has(token));
  // Taps keep the order of the composition, whatever the order in which services are made.
  const rank = new Map(options.uses.map((use, at) => [use.definition.name, at]));
  for (const use of ordered) setupPlugin(use, options, draft);
  draft.taps.sort((a, b) => (rank.get(a.plugin) ?? 0) - (rank.get(b.plugin) ?? 0));
  const plugins = ordered.map((use) => ({
    name: use.definition.name,
    description: use.definition.description,
  }));
  return { container: options.container, plugins, ...draft };
}

function setupPlugin(use: PluginUse, options: ScopeOptions, draft: ScopeDraft): void {
  const { name, setup, provides = [] } = use.definition;
  const config = parsePluginConfig(use);
  const provided = new Set<symbol>();
  const context = { ...setupContext(use, options, draft, provided), config };
  try {
    setup(context as never);
    for (const token of provides) {
      if (!provided.has(token.id)) {
        throw new MailError(
          'E_TOKEN_UNDECLARED',
          `plugin ${name} declares ${token.name} but did not provide it`,
        );
      }
      // Made now, so that a class with a missing collaborator refuses the start.
      options.container.get(token);
    }
  } catch (error) {
    throw new MailError(isCoded(error) ? error.code : 'E_PLUGIN_SETUP', nameIt(name, messageOf(error)), {
      cause: error,
    });
  }
}

function setupContext(
  use: PluginUse,
  options: ScopeOptions,
  draft: ScopeDraft,
  provided: Set<symbol>,
): Omit<PluginSetup<unknown, Record<string, never>>, 'config'> {
  const plugin = use.definition.name;
  const declare = (token: Token<unknown>) => {
    if (use.definition.provides?.some((declared) => declared.id === token.id) !== true) {
      throw new MailError(
        'E_TOKEN_UNDECLARED',
        `plugin ${plugin} provides ${token.name} without declaring it`,
      );
    }
    provided.add(token.id);
    const others = draft.providers.get(token.name);
    draft.providers.set(token.name, others === undefined ? plugin : `${others}, ${plugin}`);
  };
  return {
    name: plugin,
    services: resolveNeeds(use, options.container) as never,
    hostname: options.hostname,
    listener: options.listener,
    log: options.log.child({ plugin }),
    metrics: options.metrics,
    tap(hook, answer, tapOptions = {}) {
      checkTap(plugin, hook, options.listener?.name);
      draft.taps.push({ hook, plugin, answer: answer as Tap['answer'], options: tapOptions });
    },
    provide(token, service) {
      declare(token);
      provideService(token, options.wrap?.(token, service) ?? service, options.container, draft);
    },
    provideClass(token, service) {
      declare(token);
      options.container.bindClass(token, service);
    },
    control: (command, answer) => void draft.controls.set(`${plugin} ${command}`, answer),
    onStart: (run) => void draft.starts.push({ plugin, run }),
    onDrain: (run) => void draft.drains.push({ plugin, run }),
    defer: (run) => void draft.defers.push({ plugin, run }),
    keep: (key, open, close) => options.keeper.keep(options.generation, `${plugin}:${key}`, open, close),
  };
}

function provideService<T>(
  token: Token<T>,
  service: T,
  container: ServiceContainer,
  { services }: ScopeDraft,
): void {
  const others = services.get(token.id) as T[] | undefined;
  if (others === undefined || token.compose === undefined) {
    services.set(token.id, [service]);
    container.bind(token, service);
    return;
  }
  others.push(service);
  container.rebind(token, token.compose(others));
}

function resolveNeeds(use: PluginUse, container: ServiceContainer): Readonly<Record<string, unknown>> {
  const services: Record<string, unknown> = {};
  for (const need of readNeeds(use.definition.needs)) {
    if (need.isOptional && !container.has(need.token)) continue;
    services[need.key] = container.get(need.token);
  }
  return services;
}

function checkTap(plugin: string, hook: HookName, listener: string | undefined): void {
  const row = Object.hasOwn(hookTable, hook) ? hookTable[hook] : undefined;
  if (row === undefined)
    throw new MailError('E_HOOK_UNKNOWN', `plugin ${plugin} taps ${String(hook)}, which is no hook`);
  if (listener !== undefined && row.scope === 'mta') {
    throw new MailError(
      'E_HOOK_SCOPE',
      `plugin ${plugin} of listener ${listener} taps ${hook}, which runs for the whole server: move it to the server's plugins`,
    );
  }
}

function isCoded(error: unknown): error is MailError {
  return (
    typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('E_')
  );
}

function nameIt(plugin: string, text: string): string {
  return text.includes(plugin) ? text : `plugin ${plugin}: ${text}`;
}
