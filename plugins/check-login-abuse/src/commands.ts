/** `postroad ban list|add|remove`: they ask the running server, which holds the bans. */
import { type Clock, type ControlHandler, MailError, type PluginCommand } from '@postroad/core';
import type { Ban, Ledger, Subject } from './ledger.js';
import { networkOf } from './network.js';
import type { CheckLoginAbuseConfig } from './options.js';

type Given = Readonly<Record<string, unknown>>;

const target = {
  kind: 'positional',
  description: 'an address, a network such as 192.0.2.0/24, or a login',
  isRequired: true,
} as const;

const listRowsMax = 10_000;
const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The commands. */
export const banCommands: readonly PluginCommand<CheckLoginAbuseConfig>[] = [
  {
    name: 'ban list',
    description: 'List who may not log in for now.',
    args: {},
    async run({ call, terminal }) {
      const bans = (await call('ban.list', {})) as readonly Ban[];
      if (bans.length === 0 && !terminal.isJson) terminal.print('Nobody is banned.');
      else terminal.result(bans.map((ban) => row(ban, terminal.isJson)));
    },
  },
  {
    name: 'ban add',
    description: 'Put off logins of an address, a network or a login.',
    args: {
      target,
      for: { kind: 'string', description: 'how long, such as 30m, 12h or 7d; an hour by default' },
      reason: { kind: 'string', description: 'why, for those who look at it later' },
    },
    async run({ call, args, terminal }) {
      const given = { target: args.target, for: args.for, reason: args.reason };
      const ban = (await call('ban.add', given)) as Ban;
      if (terminal.isJson) terminal.result([row(ban, true)]);
      else terminal.print(`${ban.value} may not log in until ${new Date(ban.untilMs).toISOString()}`);
    },
  },
  {
    name: 'ban remove',
    description: 'Let an address, a network or a login log in again, and forget its failures.',
    args: { target },
    async run({ call, args, terminal }) {
      const { value } = (await call('ban.remove', { target: args.target })) as Subject;
      if (terminal.isJson) terminal.result([{ value, removed: true }]);
      else terminal.print(`${value} may log in again`);
    },
  },
];

/** What the running server does for the commands. */
export function banControls(
  ledger: Ledger,
  config: CheckLoginAbuseConfig,
  clock: Clock,
): Readonly<Record<string, ControlHandler>> {
  return {
    'ban.list': async () => {
      const bans: Ban[] = [];
      for await (const ban of ledger.bans()) {
        if (bans.push(ban) >= listRowsMax) break;
      }
      return bans;
    },
    'ban.add': async (given) => {
      const reason = textOf(given, 'reason') ?? 'banned by the operator';
      const durationMs = readDuration(textOf(given, 'for') ?? '1h');
      return ledger.ban(readTarget(given, config), reason.slice(0, 500), durationMs, clock.now());
    },
    'ban.remove': async (given) => {
      const subject = readTarget(given, config);
      if (await ledger.lift(subject)) return subject;
      throw new MailError('E_NOT_FOUND', `${subject.value} is not banned`);
    },
  };
}

/** Networks are those that failures are counted by: other sizes would never be looked up. */
function readTarget(given: Given, config: CheckLoginAbuseConfig): Subject {
  const text = textOf(given, 'target');
  if (text === undefined) throw new MailError('E_USAGE', 'name an address, a network or a login');
  const [address = '', bits] = text.split('/');
  const isV6 = address.includes(':');
  const [addressBits, networkBits] = isV6
    ? [config.ipv6AddressBits, config.ipv6NetworkBits]
    : [32, config.ipv4NetworkBits];
  const own = networkOf(address, addressBits);
  if (own === undefined) return { scope: 'account', value: text.toLowerCase() };
  if (bits === undefined || Number(bits) === addressBits) return { scope: 'address', value: own };
  const network = networkOf(address, networkBits);
  if (Number(bits) === networkBits && network !== undefined) return { scope: 'network', value: network };
  throw new MailError('E_USAGE', `a network has ${networkBits} bits here: ${network}`);
}

function readDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const durationMs = Number(match?.[1]) * (unitsMs[match?.[2] ?? ''] ?? Number.NaN);
  if (durationMs > 0 && durationMs <= 365 * 86_400_000) return durationMs;
  throw new MailError('E_USAGE', `not a duration, such as 30m, 12h or 7d: ${text}`);
}

function textOf(given: Given, name: string): string | undefined {
  const value = given[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function row({ scope, value, reason, untilMs }: Ban, isJson: boolean): Record<string, unknown> {
  return { scope, value, reason, until: isJson ? untilMs : new Date(untilMs).toISOString() };
}
