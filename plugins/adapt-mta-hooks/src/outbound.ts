/** The outbound stages: told of deliveries, asked when one is deferred and before a DSN is written. */
import {
  type Clock,
  formatAddress,
  formatReversePath,
  type Logger,
  type Needs,
  type PluginSetup,
  type QueuedMessage,
  type QueuedRecipient,
  type RecipientOutcome,
  withDeadline,
} from '@postroad/core';
import type { Plain } from './cbor.js';
import type { HookStage } from './config.js';
import type { HookClient } from './hook-client.js';
import { applyAnswer, asObject } from './patch.js';

/** What it works with. */
export interface OutboundOptions {
  readonly tap: PluginSetup<unknown, Needs>['tap'];
  readonly clock: Clock;
  readonly hostname: string;
  readonly log: Logger;
  readonly clients: readonly HookClient[];
}

interface About {
  readonly recipient: QueuedRecipient;
  readonly outcome: RecipientOutcome | undefined;
}

/** Taps the hooks of the stages that are wanted. A service that can not be asked changes nothing of a delivery. */
export function tapOutbound({ tap, clock, hostname, log, clients }: OutboundOptions): void {
  const askedAt = (stage: HookStage) =>
    clients.filter(({ service }) => service.outbound.includes(stage as never));
  const deliveries = askedAt('delivery');
  const deferrals = askedAt('defer');
  const notifications = askedAt('dsn');

  async function ask(
    client: HookClient,
    stage: HookStage,
    message: QueuedMessage,
    about: readonly About[],
    more: { readonly [key: string]: Plain },
    signal: AbortSignal,
  ): Promise<Plain | undefined> {
    const document = { ...outboundDocument(message, about, clock.now(), hostname), ...more };
    try {
      return await withDeadline(clock, client.service.timeoutMs, signal, async (until) => {
        const answer = await client.ask({ stage, document, rawMessage: undefined }, until);
        return answer === undefined ? undefined : applyAnswer(document, answer);
      });
    } catch (error) {
      log.error('a service of MTA Hooks could not be asked', { service: client.service.name, stage, error });
      return undefined;
    }
  }

  if (deliveries.length > 0) {
    tap('attempted', async ({ message, recipients }, { outcomes }, signal) => {
      const about = outcomes.flatMap((outcome) => {
        const recipient = recipients.find(({ index }) => index === outcome.index);
        return recipient === undefined ? [] : [{ recipient, outcome }];
      });
      await Promise.all(deliveries.map((client) => ask(client, 'delivery', message, about, {}, signal)));
    });
  }
  if (deferrals.length > 0) {
    tap('schedule', async ({ message, recipient, outcome }, signal) => {
      for (const client of deferrals) {
        const changed = await ask(client, 'defer', message, [{ recipient, outcome }], {}, signal);
        if (changed !== undefined && asObject(changed).action === 'cancel') return { giveUp: true };
      }
      return undefined;
    });
  }
  if (notifications.length > 0) {
    tap('dsn', async ({ message, recipients }, draft, signal) => {
      let { subject, text } = draft;
      for (const client of notifications) {
        const more = { dsn: { kind: draft.kind, subject, text } };
        const changed = await ask(client, 'dsn', message, recipients, more, signal);
        if (changed === undefined) continue;
        const { subject: newSubject, text: newText } = asObject(asObject(changed).dsn);
        if (typeof newSubject === 'string') subject = newSubject.replace(/[\r\n]+/g, ' ');
        if (typeof newText === 'string') text = newText.replace(/\r\n?/g, '\n');
      }
      return { ...draft, subject, text };
    });
  }
}

function outboundDocument(
  message: QueuedMessage,
  about: readonly About[],
  nowMs: number,
  hostname: string,
): { readonly [key: string]: Plain } {
  const { reversePath, id } = message;
  return {
    action: 'continue',
    timestamp: new Date(nowMs).toISOString(),
    protocol: { version: '1.0' },
    queue: { id },
    server: { name: hostname },
    envelope: {
      from: { address: reversePath === null ? null : formatReversePath(reversePath), parameters: {} },
      to: about.map(({ recipient, outcome }) => ({
        address: formatAddress(recipient.address),
        parameters: {},
        status: outcome?.status ?? null,
        response: outcome === undefined ? null : responseOf(outcome),
      })),
    },
  };
}

function responseOf({ reply }: RecipientOutcome): Plain {
  const { code, detail, text } = reply;
  const message = typeof text === 'string' ? text : text.join(' ');
  return { code, enhancedCode: detail === undefined ? null : `${String(code)[0]}.${detail}`, message };
}
