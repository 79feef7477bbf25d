/** The plugin: rules about what a message is made of. */
import {
  defer,
  definePlugin,
  type Finding,
  isStranger,
  key,
  type Message,
  quarantine,
  reject,
  Spool,
  type Verdict,
} from '@postroad/core';
import { builtInRules } from './built-in-rules.js';
import { gatherFacts } from './gather-facts.js';
import { type CheckContentConfig, config } from './options.js';
import type { ContentRule, RuleHit } from './rule.js';

interface NamedHit extends RuleHit {
  readonly rule: string;
}

/** What the rules found; absent when the message could not be looked at. */
const found = key<readonly NamedHit[]>('check-content.found');

const said = 'the content of the message is not accepted here';
const severity = { reject: 3, defer: 2, quarantine: 1 } as const;

/** See the README. */
export const checkContent = definePlugin({
  name: 'check-content',
  description: 'Rules about header, parts, attachments and archives.',
  config,
  needs: { spool: Spool },
  setup({ config, services, tap }) {
    const rules = [...builtInRules(config), ...config.rules];
    const isLookedAt = ({ transaction: { connection } }: Message) =>
      config.who === 'all' || isStranger(connection);
    tap(
      'inspect',
      async (message, signal) => {
        if (!isLookedAt(message)) return undefined;
        const hits = await applyRules(rules, message, services.spool, config, signal);
        message.set(found, hits);
        return hits.map(findingOf);
      },
      { onError: config.onError, description: describe(rules, config) },
    );
    tap(
      'message',
      (message) => {
        if (!isLookedAt(message)) return undefined;
        const hits = message.get(found);
        if (hits !== undefined) return worst(hits);
        if (config.onError === 'skip') return undefined;
        return defer(451, '3.0', 'the message could not be checked, try again later', { rule: 'onError' });
      },
      {
        description:
          'what a rule rejects (550), defers (450) or quarantines; 451 when it could not be looked at',
      },
    );
  },
});

async function applyRules(
  rules: readonly ContentRule[],
  message: Message,
  spool: Spool,
  config: CheckContentConfig,
  signal: AbortSignal,
): Promise<readonly NamedHit[]> {
  const facts = await gatherFacts(message, spool, config, signal);
  const hits: NamedHit[] = [];
  for (const rule of rules) {
    const answer = (await rule.check(facts, message)) ?? [];
    for (const hit of [answer].flat() as readonly RuleHit[])
      if (hit.action !== 'off') hits.push({ ...hit, rule: rule.name });
  }
  return hits;
}

function findingOf({ rule, action, reason }: NamedHit): Finding {
  return {
    source: 'check-content',
    result: rule,
    ...(typeof action === 'number' ? { score: action } : {}),
    text: reason,
  };
}

/** The hardest action that a rule asks for; points are for others to add up. */
function worst(hits: readonly NamedHit[]): Verdict | undefined {
  const weight = ({ action }: NamedHit) =>
    typeof action === 'string' && action !== 'off' ? severity[action] : 0;
  const [hit] = hits.filter((one) => weight(one) > 0).sort((a, b) => weight(b) - weight(a));
  if (hit === undefined) return undefined;
  const grounds = { rule: hit.rule, reason: hit.reason };
  if (hit.action === 'reject') return reject(550, '7.1', hit.text ?? said, grounds);
  if (hit.action === 'defer') return defer(450, '7.1', hit.text ?? said, grounds);
  return quarantine(`${hit.rule}: ${hit.reason}`, grounds);
}

function describe(rules: readonly ContentRule[], config: CheckContentConfig): string {
  const actions: Readonly<Record<string, unknown>> = config;
  return rules
    .map(({ name, description }) => {
      const action = actions[name];
      const effect =
        typeof action === 'number' ? `${action} points` : typeof action === 'string' ? action : 'own rule';
      return `${name} ${effect}${description === undefined ? '' : ` (${description})`}`;
    })
    .join(', ');
}
