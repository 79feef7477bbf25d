/** The plugin: delivery to web servers, one POST request for all recipients of a message. */
import {
  Clock,
  type Delivery,
  type DeliveryReport,
  definePlugin,
  formatAddress,
  formatReversePath,
  type Reply,
  Resolver,
  reply,
} from '@postroad/core';
import { type CheckedEndpoint, config } from './config.js';
import { type PostAnswer, postMessage } from './post-message.js';
import { digestOf, signatureOf } from './signature.js';

const unknown = reply(451, '3.5', 'there is no such endpoint');
const broken = reply(451, '4.1', 'the web server did not answer');
/** RFC 9110 section 15.5.9, RFC 8470 section 5.2, RFC 6585 section 4: refusals that are for now. */
const transientStatus = new Set([408, 425, 429]);
/** As far ahead as six digits of seconds go. */
const retryAfterMsMax = 1_000_000_000;

/** Takes routes `{ transport: 'custom', name: 'http', target: endpoint }`, and makes them for the domains of its endpoints. */
export const deliverHttp = definePlugin({
  name: 'deliver-http',
  description: 'Delivers to web servers by signed POST requests.',
  config,
  needs: { clock: Clock, resolver: Resolver },
  setup({ config, services, log, tap }) {
    const targets = new Map<string, string>();
    for (const [name, { domains }] of Object.entries(config.endpoints))
      for (const domain of domains) targets.set(domain, name);
    if (targets.size > 0) {
      tap('route', (_envelope, { address }) => {
        const target = targets.get(address.domain);
        return target === undefined ? undefined : { transport: 'custom', name: 'http', target };
      });
    }
    tap('deliver', async (delivery, signal) => {
      const { route } = delivery;
      if (route.transport !== 'custom' || route.name !== 'http') return undefined;
      const endpoint = config.endpoints[route.target];
      if (endpoint === undefined) return reportAll(delivery, 'deferred', unknown);
      const { clock, resolver } = services;
      try {
        const headers = await headersOf(endpoint, delivery, clock.now());
        const { message } = delivery;
        const url = new URL(endpoint.url);
        const answer = await postMessage({
          url,
          headers,
          message,
          timeoutMs: endpoint.timeoutMs,
          clock,
          resolver,
          signal,
        });
        return judge(delivery, answer, clock.now());
      } catch (error) {
        log.warn('a web server could not be reached', { endpoint: route.target, error });
        return reportAll(delivery, 'deferred', broken);
      }
    });
  },
});

async function headersOf(
  endpoint: CheckedEndpoint,
  { message, recipients }: Delivery,
  nowMs: number,
): Promise<Readonly<Record<string, string>>> {
  const envelope = asciiJson({
    id: message.id,
    sender: formatReversePath(message.reversePath),
    recipients: recipients.map(({ address }) => formatAddress(address)),
  });
  const digest = await digestOf(message);
  const seconds = Math.floor(nowMs / 1000);
  const { secret } = endpoint;
  return {
    ...endpoint.headers,
    'content-type': 'message/rfc822',
    'content-length': String(Buffer.byteLength(message.headerPrefix) + message.body.sizeBytes),
    // RFC 9530 section 2.
    'content-digest': `sha-256=:${digest}:`,
    'postroad-envelope': envelope,
    // A request that is made again for the same message and recipients has the same key.
    'idempotency-key': `"${message.id}-${recipients.map(({ index }) => index).join('.')}"`.slice(0, 255),
    ...(secret !== undefined && { 'postroad-signature': signatureOf(secret, seconds, envelope, digest) }),
  };
}

function judge(delivery: Delivery, answer: PostAnswer, nowMs: number): DeliveryReport {
  const { status } = answer;
  const words = `HTTP ${status} ${answer.words}`.trim();
  if (status >= 200 && status < 300) return reportAll(delivery, 'delivered', reply(250, '0.0', words));
  const isFinal = status >= 400 && status < 500 && !transientStatus.has(status);
  if (isFinal) return reportAll(delivery, 'failed', reply(554, '0.0', words));
  const siteRetryAtMs = retryAtMs(answer.retryAfter ?? '', nowMs);
  const report = reportAll(delivery, 'deferred', reply(451, '0.0', words));
  return siteRetryAtMs === undefined ? report : { ...report, siteRetryAtMs };
}

/** RFC 9110 section 10.2.3: seconds, or a date; one that has passed, or is too far away to be meant, says nothing. */
function retryAtMs(retryAfter: string, nowMs: number): number | undefined {
  if (/^\d{1,6}$/.test(retryAfter)) return nowMs + Number(retryAfter) * 1_000;
  const atMs = /^[A-Z][a-z]+,? .+$/.test(retryAfter) ? Date.parse(retryAfter) : Number.NaN;
  return atMs > nowMs && atMs < nowMs + retryAfterMsMax ? atMs : undefined;
}

function reportAll(
  { recipients }: Delivery,
  status: 'delivered' | 'deferred' | 'failed',
  said: Reply,
): DeliveryReport {
  return { outcomes: recipients.map(({ index }) => ({ index, status, reply: said })) };
}

/** JSON that can stand in a header field. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
