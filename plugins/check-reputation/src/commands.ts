/** `postroad reputation show|forget`: they ask the running server, which has the counters. */
import { type ControlHandler, MailError, type PluginCommand } from '@postroad/core';
import { type Identity, readIdentity } from './identities.js';
import type { Memory, Reputation } from './memory.js';
import type { CheckReputationConfig } from './options.js';

const of = {
  kind: 'positional',
  description: 'an address, a network such as 192.0.2.0/24, a domain that signs, or a sender',
  isRequired: true,
} as const;

/** The commands. */
export const reputationCommands: readonly PluginCommand<CheckReputationConfig>[] = [
  {
    name: 'reputation show',
    description: 'Say what is remembered of an address, network, domain or sender.',
    args: { of },
    async run({ call, args, terminal }) {
      const { kind, value, reputation } = (await call('reputation.show', { of: args.of })) as Shown;
      terminal.result([
        { kind, of: value, reputation: reputation.value.toFixed(2), seen: reputation.seen.toFixed(1) },
      ]);
    },
  },
  {
    name: 'reputation forget',
    description: 'Forget what is remembered of an address, network, domain or sender.',
    args: { of },
    async run({ call, args, terminal }) {
      const { kind, value } = (await call('reputation.forget', { of: args.of })) as Identity;
      if (terminal.isJson) terminal.result([{ kind, of: value, forgotten: true }]);
      else terminal.print(`the reputation of ${value} is forgotten`);
    },
  },
];

interface Shown extends Identity {
  readonly reputation: Reputation;
}

/** What the running server does for the commands. */
export function reputationControls(
  memory: Memory,
  { networkBits }: CheckReputationConfig,
): Readonly<Record<string, ControlHandler>> {
  const read = (given: Readonly<Record<string, unknown>>): Identity => {
    if (typeof given.of !== 'string' || given.of.length > 1_000)
      throw new MailError('E_USAGE', 'name an address, a network, a domain or a sender');
    return readIdentity(given.of, networkBits);
  };
  return {
    'reputation.show': async (given) => {
      const identity = read(given);
      return { ...identity, reputation: await memory.reputation(identity) } satisfies Shown;
    },
    'reputation.forget': async (given) => {
      const identity = read(given);
      if (await memory.forget(identity)) return identity;
      throw new MailError('E_NOT_FOUND', `nothing is remembered of ${identity.value}`);
    },
  };
}
