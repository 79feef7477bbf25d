/** Who does what, in which order: the composition as it was compiled. */

import type { OrderedTaps } from '../hooks/compile.js';
import type { Tap } from '../hooks/order.js';
import { type HookName, hookTable, type Stage } from '../hooks/table.js';
import type { Generation } from './generation.js';

/** One tap of a hook. */
export interface ExplainedTap {
  readonly plugin: string;
  /** What it checks, with its thresholds, and what it may answer, as the plugin describes it. */
  readonly description?: string;
  /** What its failure does: `defer` answers 451, `skip` goes on without it, `finding` and `log` only tell. */
  readonly onError: 'defer' | 'skip' | 'finding' | 'log';
  readonly timeoutMs: number;
}

/** The taps of one hook in the order in which they run. */
export interface ExplainedHook {
  readonly hook: HookName;
  readonly kind: string;
  readonly stage: Stage;
  readonly taps: readonly string[];
  /** The same taps, with what they say of themselves. */
  readonly checks: readonly ExplainedTap[];
  readonly undecided: string;
}

/** A composition. */
export interface Explanation {
  readonly generation: number;
  readonly hostname: string;
  readonly plugins: readonly {
    readonly name: string;
    readonly description?: string;
    readonly listener?: string;
  }[];
  /** Token to plugin, `core` for the defaults. */
  readonly services: readonly {
    readonly token: string;
    readonly provider: string;
    readonly listener?: string;
  }[];
  /** Hooks of the whole server; only those that somebody taps. */
  readonly hooks: readonly ExplainedHook[];
  /** Each listener with all taps that its connections meet. */
  readonly listeners: readonly {
    readonly name: string;
    readonly role: string;
    readonly address: string;
    readonly tls: string;
    readonly hooks: readonly ExplainedHook[];
  }[];
}

/** Explains a built generation. */
export function explainGeneration(generation: Generation): Explanation {
  const { scope, listeners, options } = generation;
  return {
    generation: generation.number,
    hostname: options.hostname,
    plugins: [
      ...scope.plugins.map(describePlugin),
      ...listeners.flatMap((one) =>
        one.scope.plugins.map((plugin) => ({ ...describePlugin(plugin), listener: one.options.name })),
      ),
    ],
    services: [
      ...[...scope.providers].map(([token, provider]) => ({ token, provider })),
      ...listeners.flatMap((one) =>
        [...one.scope.providers].map(([token, provider]) => ({
          token,
          provider,
          listener: one.options.name,
        })),
      ),
    ],
    hooks: explainTaps(generation.taps),
    listeners: listeners.map((one) => ({
      name: one.options.name,
      role: one.options.role,
      address: `${one.options.host ?? '*'}:${one.options.port}`,
      tls: one.options.isTlsRequired ? 'required' : one.options.tls,
      hooks: explainTaps(one.taps).filter((hook) => hookTable[hook.hook].scope === 'listener'),
    })),
  };
}

function describePlugin(plugin: { readonly name: string; readonly description: string | undefined }) {
  return {
    name: plugin.name,
    ...(plugin.description === undefined ? {} : { description: plugin.description }),
  };
}

function explainTaps(taps: OrderedTaps): readonly ExplainedHook[] {
  const explained: ExplainedHook[] = [];
  for (const [hook, ordered] of taps) {
    if (ordered.length === 0) continue;
    const { kind, stage, undecided } = hookTable[hook];
    const checks = ordered.map((tap) => explainTap(hook, tap));
    explained.push({ hook, kind, stage, undecided, taps: ordered.map((tap) => tap.plugin), checks });
  }
  return explained;
}

const failures = { decide: 'defer', transform: 'defer', gather: 'finding', observe: 'log' } as const;

function explainTap(hook: HookName, { plugin, options }: Tap): ExplainedTap {
  const { kind, timeoutMs } = hookTable[hook];
  const { description, onError } = options;
  return {
    plugin,
    ...(description === undefined ? {} : { description }),
    onError: onError === 'skip' ? 'skip' : failures[kind],
    timeoutMs: options.timeoutMs ?? timeoutMs,
  };
}
