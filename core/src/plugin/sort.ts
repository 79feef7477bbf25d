/** In which order plugins are set up: who provides a service comes before who needs it, else as composed. */
import type { Needs, OptionalNeed, Token } from '../di/token.js';
import { MailError } from '../errors.js';
import type { PluginUse } from './define.js';

/** A need with its token and whether it can be done without. */
export interface ReadNeed {
  readonly key: string;
  readonly token: Token<unknown>;
  readonly isOptional: boolean;
}

/** The needs of a plugin as a list. */
export function readNeeds(needs: Needs | undefined): readonly ReadNeed[] {
  return Object.entries(needs ?? {}).map(([key, need]) => {
    const isOptional = 'optional' in need;
    return {
      key,
      token: isOptional ? (need as OptionalNeed<unknown>).optional : (need as Token<unknown>),
      isOptional,
    };
  });
}

/**
 * Sorts the plugins of one scope. `given` tells which services exist already. Throws `E_PLUGIN_DUPLICATE`,
 * `E_TOKEN_DUPLICATE`, `E_TOKEN_MISSING` or `E_CYCLE`, each naming the plugins.
 */
export function sortPlugins(
  uses: readonly PluginUse[],
  given: (token: Token<unknown>) => boolean,
): readonly PluginUse[] {
  const providers = findProviders(uses);
  const ordered: PluginUse[] = [];
  const path: PluginUse[] = [];
  const visit = (use: PluginUse) => {
    if (ordered.includes(use)) return;
    if (path.includes(use)) throw cycleOf([...path.slice(path.indexOf(use)), use]);
    path.push(use);
    for (const need of readNeeds(use.definition.needs)) {
      const others = providers.get(need.token.id)?.filter((provider) => provider !== use) ?? [];
      for (const provider of others) visit(provider);
      if (others.length === 0 && !need.isOptional && !given(need.token)) throw missing(use, need.token);
    }
    path.pop();
    ordered.push(use);
  };
  for (const use of uses) visit(use);
  return ordered;
}

/** Who provides each token; several only where the token says how they become one. */
function findProviders(uses: readonly PluginUse[]): ReadonlyMap<symbol, readonly PluginUse[]> {
  const names = new Set<string>();
  const providers = new Map<symbol, PluginUse[]>();
  for (const use of uses) {
    const { name, provides } = use.definition;
    if (names.has(name))
      throw new MailError('E_PLUGIN_DUPLICATE', `plugin ${name} stands twice in one scope`);
    names.add(name);
    for (const token of provides ?? []) {
      const others = providers.get(token.id) ?? [];
      const [other] = others;
      if (other !== undefined && token.compose === undefined) {
        throw new MailError(
          'E_TOKEN_DUPLICATE',
          `${token.name} is provided by both ${other.definition.name} and ${name}`,
        );
      }
      providers.set(token.id, [...others, use]);
    }
  }
  return providers;
}

function cycleOf(circle: readonly PluginUse[]): MailError {
  return new MailError(
    'E_CYCLE',
    `plugins need each other in a circle: ${circle.map((use) => use.definition.name).join(' -> ')}`,
  );
}

function missing(use: PluginUse, token: Token<unknown>): MailError {
  return new MailError(
    'E_TOKEN_MISSING',
    `plugin ${use.definition.name} needs ${token.name}, which no plugin provides`,
  );
}
