/** The plugin: delivery into Maildir directories that other programs read. */
import {
  type Body,
  Clock,
  definePlugin,
  type QueuedMessage,
  type QueuedRecipient,
  Random,
  type RecipientOutcome,
  reply,
  Spool,
  textualBody,
} from '@postroad/core';
import { config } from './config.js';
import { deliverToMaildir, maildirFor } from './maildir.js';

const stored = reply(250, '1.5', 'stored');
const full = reply(452, '3.1', 'no room for the message');
const broken = reply(451, '3.0', 'the message could not be stored for now');

/** Takes routes `{ transport: 'custom', name: 'maildir', target: directory }`, and makes them for its domains. */
export const deliverMaildir = definePlugin({
  name: 'deliver-maildir',
  description: 'Delivers into Maildir directories.',
  config,
  needs: { clock: Clock, random: Random, spool: Spool },
  setup({ config, services, hostname, log, tap }) {
    const templates = new Map(Object.entries(config.domains));
    if (templates.size > 0) {
      tap('route', (_envelope, { address }) => {
        const template = templates.get(address.domain);
        return template === undefined
          ? undefined
          : { transport: 'custom', name: 'maildir', target: maildirFor(template, address) };
      });
    }
    const put = async (
      directory: string,
      message: QueuedMessage,
      body: Body,
      recipient: QueuedRecipient,
      signal: AbortSignal,
    ): Promise<RecipientOutcome> => {
      const seconds = Math.floor(services.clock.now() / 1000);
      // The host stands last in a Maildir name; slashes and colons have a meaning there.
      const name = `${seconds}.${services.random.id()}.${hostname.replace(/[/:]/g, '_')}`;
      try {
        await deliverToMaildir({ directory, message, body, recipient: recipient.address, name }, signal);
        return { index: recipient.index, status: 'delivered', reply: stored };
      } catch (error) {
        log.error('a message could not be put into a Maildir', { directory, error });
        return { index: recipient.index, status: 'deferred', reply: isFull(error) ? full : broken };
      }
    };
    tap('deliver', async ({ route, message, recipients }, signal) => {
      if (route.transport !== 'custom' || route.name !== 'maildir') return undefined;
      const outcomes: RecipientOutcome[] = [];
      let textual: Body | undefined;
      try {
        // What came as BINARYMIME is text in a mailbox (RFC 3030 section 3), as the stores file it.
        textual = await textualBody(message, services.spool);
        const body = textual ?? message.body;
        for (const recipient of recipients)
          outcomes.push(await put(route.target, message, body, recipient, signal));
      } catch (error) {
        log.error('a message could not be made text', { message: message.id, error });
        const said = isFull(error) ? full : broken;
        for (const { index } of recipients) outcomes.push({ index, status: 'deferred', reply: said });
      } finally {
        await textual?.release();
      }
      return { outcomes };
    });
  },
});

function isFull(error: unknown): boolean {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  if (code === 'ENOSPC' || code === 'EDQUOT') return true;
  return cause instanceof Error && isFull(cause);
}
