/**
 * A plugin's contract. The core calls, in this order:
 * 1. the schema's `validate` with what the user wrote; issues refuse the start and name the plugin and the path;
 * 2. `setup`, once per generation and scope, in order of needs and provides. It is synchronous and does no I/O: it
 *    reads its config, taps hooks, provides services. When it throws, what was set up before is undone;
 * 3. what it gave to `onStart`, in the same order: open files, ports, pools. Each step has a deadline that names it;
 * 4. while running: its taps and services, from two generations at once during a reload;
 * 5. when its generation drains: what it gave to `onDrain` (stop taking new work);
 * 6. what it gave to `defer`, in reverse order, also when the start failed half-way.
 */
import type { ListenerRole } from '../context/connection.js';
import type { ControlHandler } from '../control/protocol.js';
import type { Needs, ServicesOf, Token } from '../di/token.js';
import type { HookName, TapFunction } from '../hooks/table.js';
import type { Logger } from '../services/logger.js';
import type { Metrics } from '../services/metrics.js';
import type { PluginCommand } from './command.js';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.js';

/** How a tap wants to be called. */
export interface TapOptions {
  /** `early` before all others, `late` after all others. */
  readonly order?: 'early' | 'late';
  /** Plugins whose taps on this hook come first; unknown names are ignored. */
  readonly after?: readonly string[];
  /** How long this tap may take; the hook's own limit by default. */
  readonly timeoutMs?: number;
  /** `skip` goes on as if the tap had not answered when it fails: failing open, by name. */
  readonly onError?: 'defer' | 'skip';
  /** What it checks, with its thresholds, and what it may answer: for `explain`. */
  readonly description?: string;
}

/** A class whose constructor's collaborators are injected. */
export type ServiceClass<T> = new (...collaborators: never[]) => T;

/** What a plugin's `setup` gets. */
export interface PluginSetup<Config, N extends Needs> {
  readonly name: string;
  readonly config: Config;
  readonly services: ServicesOf<N>;
  /** The server's name in greetings and traces. */
  readonly hostname: string;
  /** Set when the plugin stands in a listener's list: it then sees only that listener's connections. */
  readonly listener: { readonly name: string; readonly role: ListenerRole } | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Answers a hook. */
  tap<Hook extends HookName>(hook: Hook, answer: TapFunction<Hook>, options?: TapOptions): void;
  /** Provides a service that is declared in `provides`. */
  provide<T>(token: Token<T>, service: T): void;
  /** Provides a service by a class with `@injectable()`; made once, its collaborators resolved by their tokens. */
  provideClass<T>(token: Token<T>, service: ServiceClass<T>): void;
  /** Answers a command of the plugin's own over the control socket; `CommandContext.call` asks for it. */
  control(command: string, answer: ControlHandler): void;
  /** Runs at the start, after all setups; what it awaits, the start awaits. */
  onStart(step: (signal: AbortSignal) => void | Promise<void>): void;
  /** Runs when the generation is about to be left: take no new work. */
  onDrain(step: (signal: AbortSignal) => void | Promise<void>): void;
  /** Runs at the end, in reverse order. */
  defer(step: () => void | Promise<void>): void;
  /**
   * Something that outlives a reload: the first generation that asks for `key` opens it, the last one that lets go
   * closes it. Call it in `onStart`.
   */
  keep<T>(key: string, open: () => Promise<T>, close: (kept: T) => Promise<void>): Promise<T>;
}

/** What `postroad migrate` gives to a plugin. */
export interface MigrationContext<Config> {
  /** The plugin's checked configuration from the configuration file. */
  readonly config: Config;
  /** Only tell what would be done. */
  readonly isCheckOnly: boolean;
  /** Tells who waits how far it is, a line each: what begins, what is waited for. */
  report(line: string): void;
}

/** What a plugin's author writes. */
export interface PluginDefinition<Schema extends StandardSchema | undefined, N extends Needs> {
  /** Kebab-case, with its family first, such as `check-dnsbl`. */
  readonly name: string;
  /** One sentence for `explain` and lists. */
  readonly description?: string;
  /** Versions of the core it works with, such as `^0.1.0`; all by default. */
  readonly core?: string;
  /** Unknown keys should be errors; the JSON Schema of the configuration is made from it. */
  readonly config?: Schema;
  readonly needs?: N;
  /** The services that `setup` provides. */
  readonly provides?: readonly Token<unknown>[];
  /** Commands for the `postroad` command line. */
  readonly commands?: readonly PluginCommand<SchemaOutput<Schema>>[];
  /**
   * Brings what the plugin keeps outside of this process, such as tables, to the form that this version knows; run by
   * `postroad migrate`, also while nodes of the version before are running. Resolves with the names of the steps that
   * were applied, or with `isCheckOnly` would be. Safe to run twice, also at once.
   */
  readonly migrate?: (context: MigrationContext<SchemaOutput<Schema>>) => Promise<readonly string[]>;
  setup(context: PluginSetup<SchemaOutput<Schema>, N>): void;
}

const brand = Symbol.for('postroad.Plugin');

/** A plugin with its configuration, as it stands in a composition. */
export interface PluginUse {
  readonly definition: PluginDefinition<StandardSchema | undefined, Needs>;
  /** What the user wrote; checked at the start. */
  readonly config: unknown;
}

/** A defined plugin: call it with its configuration to use it. */
export interface Plugin<Schema extends StandardSchema | undefined = StandardSchema | undefined> {
  (
    ...config: undefined extends SchemaInput<Schema>
      ? [config?: SchemaInput<Schema>]
      : [config: SchemaInput<Schema>]
  ): PluginUse;
  readonly definition: PluginDefinition<StandardSchema | undefined, Needs>;
}

/** Defines a plugin. The result is called in a composition with what its schema asks for. */
export function definePlugin<
  Schema extends StandardSchema | undefined = undefined,
  const N extends Needs = Record<never, never>,
>(definition: PluginDefinition<Schema, N>): Plugin<Schema> {
  const widened = definition as unknown as PluginUse['definition'];
  const plugin = (config?: unknown): PluginUse => ({ definition: widened, config });
  Object.defineProperty(plugin, 'definition', { value: widened });
  Object.defineProperty(plugin, brand, { value: true });
  return plugin as unknown as Plugin<Schema>;
}

/** Whether it is a plugin made by `definePlugin`, of this copy of the core or of another. */
export function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'function' && brand in value;
}
