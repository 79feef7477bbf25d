/** What a plugin is bound to as `this` in Haraka: its exports, its configuration, and the way to register hooks. */
import type { Logger } from '@postroad/core';
import type { HarakaConfig } from './haraka-packages.js';
import { logMethods } from './log-methods.js';

/** A registered function. */
export interface RegisteredHook {
  readonly plugin: HarakaPlugin;
  readonly method: string;
  readonly priority: number;
  readonly order: number;
}

/** All hooks by name, in the order in which they run. */
export class HookRegistry {
  readonly #hooks = new Map<string, RegisteredHook[]>();
  #order = 0;

  add(hook: string, plugin: HarakaPlugin, method: string, priority: number): void {
    const list = this.#hooks.get(hook) ?? [];
    list.push({ plugin, method, priority, order: this.#order++ });
    list.sort((a, b) => a.priority - b.priority || a.order - b.order);
    this.#hooks.set(hook, list);
  }

  get(hook: string): readonly RegisteredHook[] {
    return this.#hooks.get(hook) ?? [];
  }
}

/** A plugin: whatever its module exports is put on it. */
export interface HarakaPlugin {
  name: string;
  readonly config: HarakaConfig;
  readonly hooks: Record<string, string[]>;
  readonly base: Record<string, HarakaPlugin>;
  timeout: number;
  register?: () => unknown;
  shutdown?: () => unknown;
  [exported: string]: unknown;
}

/** What making one needs. */
export interface PluginParts {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly config: HarakaConfig;
  readonly registry: HookRegistry;
  readonly log: Logger;
  readonly timeoutMs: number;
  /** Loads the plugin that this one inherits from. */
  parent(name: string): HarakaPlugin;
  /** A module of Haraka itself. */
  requireHaraka(name: string): unknown;
}

/** Makes it; nothing of it has run. */
export function createPlugin(parts: PluginParts): HarakaPlugin {
  const { name, registry } = parts;
  const plugin: HarakaPlugin = {
    name,
    config: parts.config,
    hooks: {},
    base: {},
    timeout: parts.timeoutMs / 1_000,
    haraka_require: parts.requireHaraka,
    ...logMethods(parts.log, () => ({ haraka: name })),
    register_hook(hook: string, method: string, priority?: unknown) {
      const wanted = Number.parseInt(String(priority), 10) || 0;
      registry.add(hook, plugin, method, Math.max(-100, Math.min(100, wanted)));
      plugin.hooks[hook] = [...(plugin.hooks[hook] ?? []), method];
    },
    inherits(parentName: string) {
      const parent = parts.parent(parentName);
      for (const key of Object.keys(parent)) plugin[key] ??= parent[key];
      parent.register?.call(plugin);
      plugin.base[parentName] = parent;
    },
  };
  // Without a `register` of its own a plugin inherits none: what it exports as hook_* is registered anyway.
  Object.assign(plugin, parts.exports);
  return plugin;
}

/** Runs `register`, and registers what is called `hook_*`. */
export function registerPlugin(plugin: HarakaPlugin): void {
  plugin.register?.();
  for (const key of Object.keys(plugin)) {
    const hook = /^hook_(\w+)/.exec(key)?.[1];
    if (hook !== undefined) (plugin.register_hook as (hook: string, method: string) => void)(hook, key);
  }
}
