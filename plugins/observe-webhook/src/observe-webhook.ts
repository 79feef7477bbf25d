/** The plugin: events by signed POST requests, at least once, because they wait in the queue itself. */
import {
  Clock,
  type Delivery,
  type DeliveryReport,
  definePlugin,
  Outbox,
  type Reply,
  Resolver,
  readBody,
  reply,
} from '@postroad/core';
import { config } from './options.js';
import { postEvents } from './post-events.js';

const transport = 'webhook';
/** What a message of the outbox holds at the most, with room to spare: 500 events. */
const octetsMax = 8_388_608;
const taken = reply(250, '0.0', 'told');
const unknown = reply(554, '3.5', 'there is no such webhook any more');

/** See the README. */
export const observeWebhook = definePlugin({
  name: 'observe-webhook',
  description: 'Tells web servers of what happens to mail, at least once.',
  config,
  needs: { clock: Clock, resolver: Resolver, outbox: Outbox },
  setup({ config, services, log, tap }) {
    const { clock, resolver, outbox } = services;
    for (const [target, { events, tenants }] of Object.entries(config.webhooks)) {
      outbox.subscribe({
        name: transport,
        target,
        wants: (one) =>
          events.includes(one.event) &&
          (tenants === undefined || tenants.includes(one.tenant ?? one.account ?? '')),
      });
    }
    tap('deliver', async (delivery, signal) => {
      const { route, message } = delivery;
      if (route.transport !== 'custom' || route.name !== transport) return undefined;
      const webhook = config.webhooks[route.target];
      if (webhook === undefined) return reportAll(delivery, 'failed', unknown);
      const whole = await readBody(message.body, octetsMax);
      const content = whole.subarray(message.body.headerSizeBytes);
      try {
        const answer = await postEvents({ webhook, content, key: message.id, clock, resolver, signal });
        if (answer.status >= 200 && answer.status < 300) return reportAll(delivery, 'delivered', taken);
        // Whatever else it says may be mended: events are not lost because of a wrong deployment.
        const report = reportAll(delivery, 'deferred', reply(451, '0.0', `HTTP ${answer.status}`));
        const seconds = /^\d{1,6}$/.test(answer.retryAfter ?? '') ? Number(answer.retryAfter) : undefined;
        return seconds === undefined ? report : { ...report, siteRetryAtMs: clock.now() + seconds * 1000 };
      } catch (error) {
        log.warn('a webhook could not be reached', { webhook: route.target, error });
        return reportAll(delivery, 'deferred', reply(451, '4.1', 'the web server did not answer'));
      }
    });
  },
});

function reportAll(
  { recipients }: Delivery,
  status: 'delivered' | 'deferred' | 'failed',
  said: Reply,
): DeliveryReport {
  return { outcomes: recipients.map(({ index }) => ({ index, status, reply: said })) };
}
