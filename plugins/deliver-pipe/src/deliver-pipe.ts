/** The plugin: delivery to programs on their standard input, one run for each recipient. */
import {
  Clock,
  definePlugin,
  formatAddress,
  formatReversePath,
  type QueuedMessage,
  type QueuedRecipient,
  type RecipientOutcome,
  reply,
} from '@postroad/core';
import { type CheckedCommand, config } from './config.js';
import { outcomeOf } from './exit-status.js';
import { createGate } from './gate.js';
import { runProgram } from './run-program.js';

const broken = reply(451, '3.0', 'the program could not be run');
const unsafe = reply(550, '1.3', 'the recipient can not be given to a program');
const unknown = reply(451, '3.5', 'there is no such program');

/** Takes routes `{ transport: 'custom', name: 'pipe', target: command }`, and makes them for the domains of its commands. */
export const deliverPipe = definePlugin({
  name: 'deliver-pipe',
  description: 'Delivers to programs on their standard input.',
  config,
  needs: { clock: Clock },
  setup({ config, services, log, tap }) {
    const targets = new Map<string, string>();
    for (const [name, { domains }] of Object.entries(config.commands))
      for (const domain of domains) targets.set(domain, name);
    if (targets.size > 0) {
      tap('route', (_envelope, { address }) => {
        const target = targets.get(address.domain);
        return target === undefined ? undefined : { transport: 'custom', name: 'pipe', target };
      });
    }
    const enter = createGate(config.runningMax);
    const run = async (
      name: string,
      command: CheckedCommand,
      message: QueuedMessage,
      recipient: QueuedRecipient,
      signal: AbortSignal,
    ): Promise<RecipientOutcome> => {
      const { index } = recipient;
      const values = valuesOf(message, recipient);
      // A program would take it for an option.
      if (Object.values(values).some((value) => value.startsWith('-')))
        return { index, status: 'failed', reply: unsafe };
      const leave = await enter();
      try {
        // Others may have it by now.
        signal.throwIfAborted();
        const args = command.args.map((arg) =>
          arg.replace(/\{(\w+)\}/g, (all, key: string) => values[key] ?? all),
        );
        const environment = environmentOf(values);
        const end = await runProgram({ command, args, environment, message, clock: services.clock, signal });
        if (end.code !== 0) log.warn('a program did not take a message', { command: name, ...end });
        return { index, ...outcomeOf(end) };
      } catch (error) {
        log.error('a program could not be run', { command: name, error });
        return { index, status: 'deferred', reply: broken };
      } finally {
        leave();
      }
    };
    tap('deliver', async ({ route, message, recipients }, signal) => {
      if (route.transport !== 'custom' || route.name !== 'pipe') return undefined;
      const command = config.commands[route.target];
      if (command === undefined)
        return {
          outcomes: recipients.map(({ index }) => ({ index, status: 'deferred' as const, reply: unknown })),
        };
      return {
        outcomes: await Promise.all(
          recipients.map((recipient) => run(route.target, command, message, recipient, signal)),
        ),
      };
    });
  },
});

function valuesOf(message: QueuedMessage, { address }: QueuedRecipient): Readonly<Record<string, string>> {
  return {
    sender: formatReversePath(message.reversePath),
    recipient: formatAddress(address),
    localPart: address.localPart,
    domain: address.domain,
    messageId: message.id,
  };
}

function environmentOf(values: Readonly<Record<string, string>>): Record<string, string> {
  const { sender = '', recipient = '', messageId = '' } = values;
  return { PATH: '/usr/bin:/bin', SENDER: sender, RECIPIENT: recipient, MESSAGE_ID: messageId };
}
