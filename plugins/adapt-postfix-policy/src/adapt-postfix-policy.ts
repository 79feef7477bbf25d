/** The plugin: policy servers are asked as Postfix asks them. */
import {
  Clock,
  type Connection,
  defer,
  definePlugin,
  discard,
  type EnvelopeRecipient,
  type MailAddress,
  type NewHeaderField,
  quarantine,
  Resolver,
  type Transaction,
  type Verdict,
  withDeadline,
} from '@postroad/core';
import { type PolicyAction, readAction } from './actions.js';
import { createPolicyClient, type PolicyClient } from './ask-policy.js';
import { type PolicyFacts, requestOf } from './attributes.js';
import { config, type PolicyServiceConfig, type ProtocolState } from './config.js';

const unknown = defer(451, '3.0', 'temporary problem, try again later', { rule: 'no answer' });
/** Below the limit of the hooks, so that a server that is late is dealt with here. */
const stageTimeoutMs = 28_000;

/** What actions have said of a transaction that is done at its end. */
interface Orders {
  readonly fields: NewHeaderField[];
  readonly copies: MailAddress[];
  redirect?: MailAddress;
  discard?: string;
  hold?: string;
}

/** Asks Postfix policy servers. */
export const adaptPostfixPolicy = definePlugin({
  name: 'adapt-postfix-policy',
  description: 'Asks Postfix policy servers.',
  config,
  needs: { clock: Clock, resolver: Resolver },
  setup({ config, services, log, tap, defer: undo }) {
    const { clock, resolver } = services;
    const clients = new Map<PolicyServiceConfig, PolicyClient>();
    for (const one of config.services) clients.set(one, createPolicyClient(one, clock, resolver, log));
    undo(() => {
      for (const client of clients.values()) client.close();
    });
    const names = new WeakMap<Connection, Promise<string>>();
    const orders = new WeakMap<Transaction, Orders>();
    const nameOf = (connection: Connection, signal: AbortSignal) => {
      const known = names.get(connection);
      if (known !== undefined) return known;
      const found = clientName(connection, config.lookUpName ? resolver : undefined, signal);
      names.set(connection, found);
      return found;
    };
    const isAsked = (state: ProtocolState) => config.services.some(({ states }) => states.includes(state));

    async function ask(facts: Omit<PolicyFacts, 'clientName' | 'context'>, signal: AbortSignal) {
      const clientName = await nameOf(facts.connection, signal);
      for (const [service, client] of clients) {
        if (!service.states.includes(facts.state)) continue;
        let action: PolicyAction;
        try {
          const request = requestOf({ ...facts, clientName, context: service.context });
          const answer = await withDeadline(clock, stageTimeoutMs, signal, (until) =>
            client.ask(request, until),
          );
          action = readAction(answer, service.name);
        } catch (error) {
          const isSkipped = service.onError === 'skip';
          log.error('a policy service could not be asked', {
            service: service.name,
            skipped: isSkipped,
            error,
          });
          if (isSkipped) continue;
          return unknown;
        }
        if (action.kind === 'verdict') return action.verdict;
        // What permits ends the asking, and decides nothing: who may send where is for others to say.
        if (action.kind === 'permit') return undefined;
        if (action.kind === 'note') log.info('policy note', { service: service.name, text: action.text });
        if (facts.transaction !== undefined) remember(orders, facts.transaction, action);
      }
      return undefined;
    }

    if (isAsked('CONNECT'))
      tap('connect', (connection, signal) => ask({ state: 'CONNECT', connection }, signal));
    if (isAsked('HELO'))
      tap('hello', (connection, _name, signal) => ask({ state: 'HELO', connection }, signal));
    if (isAsked('MAIL')) {
      tap('reversePath', (transaction, _path, signal) =>
        ask({ state: 'MAIL', connection: transaction.connection, transaction }, signal),
      );
    }
    if (isAsked('RCPT')) {
      tap(
        'recipient',
        (transaction, { address }, signal) =>
          ask({ state: 'RCPT', connection: transaction.connection, transaction, recipient: address }, signal),
        // Whoever accepts a recipient ends the hook.
        { order: 'early' },
      );
    }
    if (isAsked('DATA')) {
      tap('dataStart', (transaction, signal) =>
        ask({ state: 'DATA', connection: transaction.connection, transaction }, signal),
      );
    }
    if (isAsked('END-OF-MESSAGE')) {
      tap('message', ({ transaction, body }, _findings, signal) => {
        const { connection } = transaction;
        return ask({ state: 'END-OF-MESSAGE', connection, transaction, sizeBytes: body.sizeBytes }, signal);
      });
    }
    tap('message', ({ transaction }) => markOf(orders.get(transaction)), { order: 'late' });
    tap('expand', ({ transaction }, recipients) => changeRecipients(orders.get(transaction), recipients));
    tap('header', ({ transaction }, _findings, prefix) => {
      const fields = orders.get(transaction)?.fields ?? [];
      return fields.length === 0 ? undefined : [...prefix, ...fields];
    });
  },
});

function remember(
  orders: WeakMap<Transaction, Orders>,
  transaction: Transaction,
  action: PolicyAction,
): void {
  const order = orders.get(transaction) ?? { fields: [], copies: [] };
  orders.set(transaction, order);
  switch (action.kind) {
    case 'discard':
      order.discard ??= action.text;
      return;
    case 'hold':
      order.hold ??= action.text;
      return;
    case 'redirect':
      order.redirect = action.address;
      return;
    case 'copy':
      order.copies.push(action.address);
      return;
    case 'prepend': {
      // A server that is asked for each recipient says the same each time.
      const { name, value } = action.field;
      if (!order.fields.some((field) => field.name === name && field.value === value))
        order.fields.push(action.field);
      return;
    }
    default:
      return;
  }
}

function markOf(order: Orders | undefined): Verdict | undefined {
  if (order?.discard !== undefined) return discard(`policy: ${order.discard}`);
  return order?.hold === undefined ? undefined : quarantine(`policy: ${order.hold}`);
}

function changeRecipients(
  order: Orders | undefined,
  recipients: readonly EnvelopeRecipient[],
): readonly EnvelopeRecipient[] | undefined {
  if (order === undefined || (order.redirect === undefined && order.copies.length === 0)) return undefined;
  const kept = order.redirect === undefined ? recipients : [{ address: order.redirect }];
  return [...kept, ...order.copies.map((address) => ({ address }))];
}

/** The client's name in DNS when its address stands there too; else `unknown`, as Postfix has it. */
async function clientName(
  { protocol, remoteAddress }: Connection,
  resolver: Resolver | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (protocol === 'code') return 'localhost';
  try {
    const names = (await resolver?.names(remoteAddress, signal)) ?? [];
    for (const name of names.slice(0, 3)) {
      if ((await resolver?.addresses(name, signal))?.includes(remoteAddress) === true) return name;
    }
  } catch {
    // A failure is no name.
  }
  return 'unknown';
}
