/**
 * A generation: one built set of scopes, services and compiled hooks. It is built whole, swapped in whole on a
 * reload, and left when nothing of it is in use any more. Building it touches nothing outside; starting it does.
 */

import type { ControlHandler } from '../control/protocol.js';
import type { ServiceContainer } from '../di/container.js';
import { createContainer } from '../di/container.js';
import type { Token } from '../di/token.js';
import { type CompiledHooks, compileHooks, type OrderedTaps, orderAll } from '../hooks/compile.js';
import type { MtaOptions } from '../mta-options.js';
import { type Scope, setupScope } from '../plugin/scope.js';
import { Authenticator } from '../services/authenticator.js';
import { BearerTokens } from '../services/bearer-tokens.js';
import { Directory } from '../services/directory.js';
import type { Logger } from '../services/logger.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { type AccountQuotas, createAccountQuotas } from '../stages/account-quota.js';
import { type AuthenticateOptions, createAuthenticator } from '../stages/authenticate.js';
import { refilingStore } from '../stages/refiled.js';
import { bindDefaults, type DefaultServices } from './default-services.js';
import type { House } from './house.js';
import { type ResolvedListener, resolveListener } from './listener-defaults.js';

/** A listener with its scope. */
export interface BuiltListener {
  readonly options: ResolvedListener;
  readonly scope: Scope;
  readonly hooks: CompiledHooks;
  readonly taps: OrderedTaps;
}

/** A built generation. */
export interface Generation {
  readonly number: number;
  readonly options: MtaOptions;
  readonly log: Logger;
  readonly scope: Scope;
  readonly hooks: CompiledHooks;
  readonly taps: OrderedTaps;
  readonly listeners: readonly BuiltListener[];
  readonly defaults: DefaultServices;
  readonly quotas: AccountQuotas;
  /** The key under which it keeps things. */
  readonly holder: object;
}

/** Builds a generation; throws the first thing that is wrong, by name. */
export function buildGeneration(house: House, options: MtaOptions, number: number): Generation {
  const log = house.log(options.log?.level);
  const holder = {};
  const container = createContainer();
  const declared = new Set(
    options.plugins.flatMap((use) => use.definition.provides ?? []).map((token) => token.id),
  );
  let hooks: CompiledHooks | undefined;
  const defaults = bindDefaults(house, options, container, declared, log, () => hooks as CompiledHooks);
  const quotas = createAccountQuotas({
    directory: () => find(container, Directory),
    store: () => find(container, MailboxStore),
    clock: house.clock,
    log,
  });
  const { clock, random, metrics } = house;
  const authenticate = { quotas, clock, random, log, metrics };
  bindAuthenticator(container, declared, { ...authenticate, hooks: () => hooks as CompiledHooks });
  const common = {
    hostname: options.hostname,
    log,
    metrics: house.metrics,
    keeper: house.keeper,
    generation: holder,
  };
  const wrap = <T>(token: Token<T>, service: T): T | undefined =>
    token.id === MailboxStore.id
      ? (refilingStore(service as MailboxStore, { hooks: () => hooks, log }) as T)
      : undefined;
  const scope = setupScope({ ...common, wrap, uses: options.plugins, container, listener: undefined });
  const taps = orderAll(scope.taps);
  const services = { clock: house.clock, log, metrics: house.metrics };
  hooks = compileHooks(taps, services);
  const listeners = (options.listeners ?? []).map((one): BuiltListener => {
    const resolved = resolveListener(one, defaults.hasCertificates);
    const child = container.child();
    let own: CompiledHooks | undefined;
    bindAuthenticator(child, new Set(), { ...authenticate, hooks: () => own as CompiledHooks });
    const listener = { name: resolved.name, role: resolved.role };
    const ownScope = setupScope({ ...common, uses: resolved.plugins, container: child, listener });
    const ownTaps = orderAll([...scope.taps, ...ownScope.taps]);
    own = compileHooks(ownTaps, services);
    return { options: resolved, scope: ownScope, hooks: own, taps: ownTaps };
  });
  return { number, options, log, scope, hooks, taps, listeners, defaults, quotas, holder };
}

/** All scopes, the server's first. */
export function scopesOf(generation: Generation): readonly Scope[] {
  return [generation.scope, ...generation.listeners.map((listener) => listener.scope)];
}

/** What a plugin of this generation answers a command of its own with; the server's plugins first. */
export function pluginControl(
  generation: Generation,
  plugin: string,
  command: string,
): ControlHandler | undefined {
  for (const scope of scopesOf(generation)) {
    const answer = scope.controls.get(`${plugin} ${command}`);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function bindAuthenticator(
  container: ServiceContainer,
  declared: ReadonlySet<symbol>,
  options: Omit<AuthenticateOptions, 'directory' | 'tokens'>,
): void {
  if (declared.has(Authenticator.id)) return;
  const directory = () => find(container, Directory);
  const tokens = () => find(container, BearerTokens);
  container.bind(Authenticator, createAuthenticator({ ...options, directory, tokens }));
}

/** A service if somebody provides it. */
export function find<T>(container: ServiceContainer, token: Token<T>): T | undefined {
  return container.has(token) ? container.get(token) : undefined;
}
